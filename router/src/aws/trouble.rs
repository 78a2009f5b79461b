//! Why AWS did not give what was asked for, in words for logs and `/health`.
//!
//! Owns the sorting of the SDK's errors; what follows from one is its caller's.

use std::fmt;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

/// Why something was not to be had. It reads on after the thing's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The service does not know it.
    Missing,
    /// We may not, for this reason of the service's.
    Denied(String),
    /// No answer in time.
    Slow,
    /// No answer: no credentials, no connection.
    Unreachable(String),
    /// An answer that says nothing of the thing: the service's own failure.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(to, "is not there"),
            Self::Denied(code) => write!(to, "may not be read ({code})"),
            Self::Slow => write!(to, "did not come in time"),
            Self::Unreachable(why) => write!(to, "cannot be reached ({why})"),
            Self::Failed(what) => write!(to, "cannot be read ({what})"),
        }
    }
}

impl Trouble {
    /// What an error of the SDK comes down to.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if let SdkError::TimeoutError(_) = error {
            return Self::Slow;
        }
        let Some(status) = error.raw_response().map(|it| it.status().as_u16()) else {
            if let SdkError::DispatchFailure(failure) = error
                && failure.is_timeout()
            {
                return Self::Slow;
            }
            return Self::Unreachable(innermost(error));
        };
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let named = code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
        match (status, code) {
            (404, _) | (_, Some("NoSuchKey" | "ResourceNotFoundException")) => Self::Missing,
            (401 | 403, _) | (_, Some("AccessDeniedException" | "AccessDenied")) => {
                Self::Denied(named)
            }
            _ => Self::Failed(named),
        }
    }
}

/// What lies at the bottom of an error, which says most.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
