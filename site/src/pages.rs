//! Pages that are made on request. Their words are carried by the program; a file of the same name in the home's `templates/`
//! takes the place of one.
//!
//! Must stay true: a variable that is not there is an error, never an empty place; every text is escaped.

use std::path::Path;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, UndefinedBehavior, Value, context};

use crate::app::Publication;

const CARRIED: &[(&str, &str)] = &[
    ("reader.html", include_str!("templates/reader.html")),
    ("notice.html", include_str!("templates/notice.html")),
    ("subscribe.html", include_str!("templates/subscribe.html")),
    ("confirm.html", include_str!("templates/confirm.html")),
    ("survey.html", include_str!("templates/survey.html")),
    ("leave.html", include_str!("templates/leave.html")),
    ("left.html", include_str!("templates/left.html")),
    ("preferences.html", include_str!("templates/preferences.html")),
    ("expired.html", include_str!("templates/expired.html")),
];

/// A template is wrong.
#[derive(Debug, thiserror::Error)]
#[error("templates/{name} can't be used")]
pub struct PageError {
    /// Its file in the home.
    pub name: String,
    /// What is wrong.
    pub source: minijinja::Error,
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
            let source = std::fs::read_to_string(own.join(name)).unwrap_or_else(|_| (*carried).to_owned());
            environment.add_template_owned(*name, source).map_err(|source| PageError { name: (*name).to_owned(), source })?;
        }
        Ok(Self { environment })
    }

    /// Fills one in. A template of the home that turns out to be wrong is said in the log, and a reader gets a plain 500.
    pub fn show(&self, status: StatusCode, name: &str, context: Value) -> Response {
        match self.environment.get_template(name).and_then(|template| template.render(context)) {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!("templates/{name}: {error:#}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// A page with a title and a sentence.
    pub fn notice(&self, status: StatusCode, title: &str, text: &str) -> Response {
        self.show(status, "notice.html", context! { title, text })
    }
}
