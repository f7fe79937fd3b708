//! What runs beside the server of `reveille serve`: the mails that readers asked for, and forgetting who never confirmed.

mod bell;
mod changed;
mod mailer;

pub(crate) use bell::Bell;
pub(crate) use changed::Changed;
pub(crate) use mailer::run as run_mailer;
