//! The LaunchAgent of a home (launchd.plist(5)).
//!
//! Must stay true: calendar times, for `StartInterval` is lost while the Mac sleeps; no `KeepAlive`, for the program comes and goes;
//! `RunAtLoad`, for launchd does not make up for what it missed while the Mac was off.

use plist::{Dictionary, Value};

use super::{Job, Service, ServiceError, Times};

/// How much others come first, of 20.
const NICE: i64 = 10;

/// The property list, as XML.
///
/// # Errors
/// It can't be written.
pub fn launch_agent(job: &Job, times: &Times) -> Result<String, ServiceError> {
    let text = |text: &str| Value::String(text.to_owned());
    let mut agent = Dictionary::new();
    for (key, value) in [
        ("Label", text(job.label())),
        ("ProgramArguments", Value::Array(job.command(Service::Launchd).map(text).into())),
        ("StartCalendarInterval", Value::Array(entries(times))),
        ("RunAtLoad", Value::Boolean(true)),
        ("ProcessType", text("Background")),
        ("LowPriorityIO", Value::Boolean(true)),
        ("Nice", Value::Integer(NICE.into())),
        ("StandardOutPath", text("/dev/null")),
        ("StandardErrorPath", text(&format!("{}/memory/service.log", job.home().trim_end_matches('/')))),
    ] {
        agent.insert(key.to_owned(), value);
    }
    let mut out = Vec::new();
    Value::Dictionary(agent).to_writer_xml(&mut out).map_err(|error| ServiceError::Plist(error.to_string()))?;
    let out = String::from_utf8(out).map_err(|error| ServiceError::Plist(error.to_string()))?;
    Ok(format!("{}\n", out.trim_end()))
}

/// An entry a time; without `Hour` it is every hour.
fn entries(times: &Times) -> Vec<Value> {
    let entry = |fields: &[(&str, u32)]| {
        Value::Dictionary(fields.iter().map(|(key, value)| ((*key).to_owned(), Value::Integer(u64::from(*value).into()))).collect())
    };
    match times {
        Times::Hourly(minutes) => minutes.iter().map(|minute| entry(&[("Minute", *minute)])).collect(),
        Times::Daily(minutes) => minutes.iter().map(|minute| entry(&[("Hour", minute / 60), ("Minute", minute % 60)])).collect(),
    }
}
