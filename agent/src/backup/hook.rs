//! The hook: a program of the human's that carries a finished backup away. It gets no shell, no more of the environment than
//! the settings name, and a time to end in.
//!
//! Must stay true: nothing of what it says is kept, for it could be anything; what it starts dies with it.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reveille_memory::HookEnd;

use super::Hooked;
use crate::child::{end, wait};

/// A program with its arguments, as it is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) program: String,
    pub(crate) arguments: Vec<OsString>,
    /// Variables that it gets besides PATH and HOME.
    pub(crate) variables: Vec<String>,
    pub(crate) limit: Duration,
    /// Where it runs: the home.
    pub(crate) folder: PathBuf,
}

/// Puts the backup's path in the place of `{path}`.
pub(crate) fn filled(argument: &str, path: &Path) -> OsString {
    let mut filled = OsString::new();
    for (nth, part) in argument.split("{path}").enumerate() {
        if nth > 0 {
            filled.push(path);
        }
        filled.push(part);
    }
    filled
}

/// Runs it to its end, or ends it.
pub(super) fn run(call: &Call, hooked: &Hooked<'_>) -> HookEnd {
    let begun = Instant::now();
    let code = started(call, hooked).and_then(|mut child| match wait(&mut child, begun + call.limit, hooked.stopped) {
        Some(status) => status.code().ok_or_else(|| format!("ended by signal {}", status.signal().unwrap_or_default())),
        None => {
            end(&mut child);
            Err(format!("stopped after {} s", begun.elapsed().as_secs()))
        }
    });
    HookEnd { took: begun.elapsed(), code }
}

fn started(call: &Call, hooked: &Hooked<'_>) -> Result<Child, String> {
    let program = hooked.environment.tool(&call.program).ok_or_else(|| format!("there is no program `{}`", call.program))?;
    let names = ["PATH", "HOME"].into_iter().chain(call.variables.iter().map(String::as_str));
    let variables = names.filter_map(|name| hooked.environment.get(name).map(|value| (name.to_owned(), value.clone())));
    Command::new(program)
        .args(&call.arguments)
        .env_clear()
        .envs(variables)
        .current_dir(&call.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(if hooked.aloud { Stdio::inherit() } else { Stdio::null() })
        // A group of its own, so that what it starts can be ended with it.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("`{}` can't be started: {error}", call.program))
}

/// What to say of a hook that did not end well.
pub(super) fn trouble(end: &HookEnd) -> Option<String> {
    let how = match &end.code {
        Ok(0) => return None,
        Ok(code) => format!("ended with exit code {code}"),
        Err(why) => why.clone(),
    };
    Some(format!(
        "the backup was made, but the hook behind it {how}: the copy is only on this disk (`reveille backup` runs both and shows what the hook says)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    fn call(script: &str, limit: Duration) -> Call {
        Call {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            variables: vec!["TOKEN_FILE".into()],
            limit,
            folder: PathBuf::from("/"),
        }
    }

    fn ran(call: &Call) -> HookEnd {
        let environment = Environment::of(&[("PATH", "/usr/bin:/bin"), ("HOME", "/h"), ("TOKEN_FILE", "/t"), ("SMTP_PASSWORD", "hunter2")]);
        run(call, &Hooked { environment: &environment, aloud: false, stopped: &|| false })
    }

    #[test]
    fn it_ends_by_its_code_a_signal_or_its_time() {
        const LONG: Duration = Duration::from_secs(60);
        assert_eq!(ran(&call("exit 0", LONG)).code, Ok(0));
        assert_eq!(ran(&call("exit 3", LONG)).code, Ok(3));
        assert_eq!(ran(&call("kill -9 $$", LONG)).code, Err("ended by signal 9".into()));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("late");
        // What it starts dies with it.
        let late = ran(&call(&format!("(sleep 1; touch {}) & sleep 60", file.display()), Duration::from_millis(200)));
        assert_eq!((late.code, late.took < Duration::from_secs(30)), (Err("stopped after 0 s".into()), true));
        std::thread::sleep(Duration::from_millis(1_500));
        assert!(!file.exists());
        let none = Call { program: "no-such-program".into(), ..call("", LONG) };
        assert_eq!(ran(&none).code, Err("there is no program `no-such-program`".into()));
    }

    #[test]
    fn it_sees_what_the_settings_name_and_no_secret_besides() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("env");
        let end = ran(&call(&format!("env > {}", file.display()), Duration::from_secs(60)));
        assert_eq!((end.code.clone(), trouble(&end)), (Ok(0), None));
        let seen = std::fs::read_to_string(file).expect("written");
        assert!(seen.contains("TOKEN_FILE=/t") && seen.contains("HOME=/h") && !seen.contains("hunter2"), "{seen}");
    }

    #[test]
    fn the_path_stands_where_it_is_wanted() {
        let path = Path::new("/a b/c");
        assert_eq!(filled("--from={path}/x", path), "--from=/a b/c/x");
        assert_eq!(filled("{path}{path}", path), "/a b/c/a b/c");
        assert_eq!(filled("$(echo)", path), "$(echo)");
    }
}
