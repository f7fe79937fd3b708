//! The one integration test binary: the program in temporary homes, with an injected clock and no outside network.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on should say where")]

mod architecture;
mod backup;
mod bad_input;
mod brakes;
mod breakers;
mod channel;
mod channels;
mod commands;
mod crash;
mod daemon;
mod example;
mod fuzz;
mod killed;
mod learn;
mod measure;
mod operations;
mod plan;
mod posted;
mod progress;
mod readers;
mod secrets;
mod servers;
mod service;
mod site;
mod soak;
mod subject;
mod tells;
mod turn;
mod unclear;
mod wake;
