//! Pages that are made on request. Their words are carried by the program; a file of the same name in the home's `templates/`
//! takes the place of one.
//!
//! Must stay true: a variable that is not there is an error, never an empty place; every text is escaped.

use std::path::Path;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, context};

use crate::app::Publication;
use samples::{known, samples};

mod samples;

const CARRIED: &[(&str, &str)] = &[
    ("reader.html", include_str!("templates/reader.html")),
    ("notice.html", include_str!("templates/notice.html")),
    ("signup.html", include_str!("templates/signup.html")),
    ("confirm.html", include_str!("templates/confirm.html")),
    ("survey.html", include_str!("templates/survey.html")),
    ("leave.html", include_str!("templates/leave.html")),
    ("left.html", include_str!("templates/left.html")),
    ("preferences.html", include_str!("templates/preferences.html")),
    ("expired.html", include_str!("templates/expired.html")),
];

/// A template is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("templates/{name}:{line}: {message}")]
pub struct PageError {
    /// Its file in the home.
    name: String,
    line: usize,
    message: String,
    /// The names that it may use.
    known: String,
}

/// The pages that ask a reader to press a button.
const WITH_A_FORM: [&str; 5] = ["signup.html", "confirm.html", "leave.html", "preferences.html", "survey.html"];

impl PageError {
    /// What is wrong with a template; the innermost cause says where: it may be one that this one extends. The rendered pages' twin
    /// is `fault` in `skills/src/site/templates.rs`: the arrows keep the two crates apart, and mission knows no template engine.
    fn of(name: &str, error: &minijinja::Error) -> Self {
        let mut innermost = error;
        while let Some(cause) = std::error::Error::source(innermost).and_then(|cause| cause.downcast_ref::<minijinja::Error>()) {
            innermost = cause;
        }
        let message = match (innermost.kind(), innermost.detail()) {
            (ErrorKind::UndefinedError, None) => "a variable that is not there".to_owned(),
            (kind, None) => kind.to_string(),
            (_, Some(detail)) => detail.to_owned(),
        };
        let place = innermost.name().unwrap_or(name).to_owned();
        Self { name: place, line: innermost.line().unwrap_or(1), message, known: known(name) }
    }

    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        Some(format!("it may use {}; mend it, or remove it to use the one that the program carries", self.known))
    }
}

/// The pages.
pub struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    /// Loads them; `own` is the home's folder of templates.
    ///
    /// # Errors
    /// One of the home's own is wrong.
    pub fn load(own: &Path, publication: &Publication) -> Result<Self, PageError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_global(
            "publication",
            context! {
                name => &publication.name,
                url => publication.url.as_str(),
                language => &publication.language,
                description => &publication.description,
            },
        );
        for (name, carried) in CARRIED {
            let source = match std::fs::read_to_string(own.join(name)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => (*carried).to_owned(),
                read => read.map_err(|error| {
                    let message = format!("it can't be read: {error}");
                    PageError { name: (*name).to_owned(), line: 1, message, known: known(name) }
                })?,
            };
            environment.add_template_owned(*name, source).map_err(|error| PageError::of(name, &error))?;
        }
        Ok(Self { environment })
    }

    /// Fills each page in with sample values, so that a reader does not find what is wrong with one.
    ///
    /// # Errors
    /// The first one of the home's own that can't be filled in, or on which a reader could not go on.
    pub fn try_all(&self) -> Result<(), PageError> {
        for (name, sample) in samples() {
            let page = self.filled(name, sample).map_err(|error| PageError::of(name, &error))?.to_ascii_lowercase();
            if WITH_A_FORM.contains(&name) && !(page.contains("<form") && page.contains("post")) {
                let message = "it has no `<form method=\"post\">`: readers could not go on".to_owned();
                return Err(PageError { name: name.to_owned(), line: 1, message, known: known(name) });
            }
        }
        Ok(())
    }

    fn filled(&self, name: &str, context: Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(name)?.render(context)
    }

    /// Fills one in. A template of the home that turns out to be wrong is said in the log, and a reader gets a plain 500.
    pub fn show(&self, status: StatusCode, name: &str, context: Value) -> Response {
        match self.filled(name, context) {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!("{}", PageError::of(name, &error));
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// A page with a title and a sentence.
    pub fn notice(&self, status: StatusCode, title: &str, text: &str) -> Response {
        self.show(status, "notice.html", context! { title, text })
    }
}
