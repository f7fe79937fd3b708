//! What runs beside the server of `reveille serve`: the mails that readers asked for, and forgetting who never confirmed; and how it
//! goes, for `status` and `doctor`.

mod bell;
mod changed;
mod health;
mod mailer;
pub(crate) mod templates;
mod waiting;

pub(crate) use bell::Bell;
pub(crate) use changed::Changed;
pub(crate) use health::{AtPost, Server};
pub(crate) use mailer::run as run_mailer;
pub(crate) use waiting::{Waiting, waiting};
