//! What a base URL may be.
//!
//! Owns the parts of a URL that matter here; how findings are worded is in [`crate::rules`].

use model_map::load::is_loopback_http;

use crate::diagnostic::Diagnostic;
use crate::rules::{invalid_value, url_user};
use crate::span::{Sources, Span};
use crate::syntax::tree::Value;

/// Whether `url`, written as `value`, has a scheme and a host and nothing after its path.
pub(super) fn check(url: &str, value: &Value, sources: &Sources) -> Result<(), Box<Diagnostic>> {
    let wrong = |why| Err(Box::new(invalid_value::base_url(value.span, why)));
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong("holds a blank");
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong("has no `https://`");
    };
    if !matches!(scheme, "http" | "https") {
        return wrong("has another scheme than https");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Box::new(url_user::finding(user_part(value.span, sources))));
    }
    if authority.is_empty() || authority.starts_with(':') {
        return wrong("has no host");
    }
    if !is_port(authority) {
        return wrong("has a port that is no number");
    }
    if rest.contains(['?', '#']) {
        return wrong("has a query, which no request path can follow");
    }
    Ok(())
}

/// Whether `url` is plain http to another machine.
pub(super) fn is_plain(url: &str) -> bool {
    !url.starts_with("https://") && !is_loopback_http(url)
}

fn is_port(authority: &str) -> bool {
    let after_host = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    match after_host.rsplit_once(':') {
        Some((_, port)) => port.parse::<u16>().is_ok(),
        None => true,
    }
}

/// The user part where it is written; the whole value if a constant brings it in.
fn user_part(value: Span, sources: &Sources) -> Span {
    let part = || {
        let written = sources.get(value.file)?.text.get(value.range())?;
        let start = written.find("://")? + 3;
        let rest = written.get(start..)?;
        let length = rest.find('@')?;
        let from = value.range().start + start;
        Some(Span::new(value.file, from..from + length))
    };
    part().unwrap_or(value)
}
