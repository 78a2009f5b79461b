//! Where the map and its keys come from, as command line and environment say.
//!
//! Owns the names of those variables; what is done at each place is in [`crate::config`].

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Cli;
use crate::config::cloud::{Cloud, Origin};
use crate::config::remote::{KEY, Remote};
use crate::config::{Config, Surroundings};
use crate::secrets::store::Store;

/// The bucket with the map.
pub const BUCKET: &str = "SFAI_CONFIG_BUCKET";
/// What goes before the names of secrets: `/sfai/prod/`. Set, it has secrets read at all.
pub const PREFIX: &str = "SFAI_SECRETS_PREFIX";
/// The environment that is deployed: `prod`.
const ENV: &str = "SFAI_ENV";
/// Seconds after which a request has a newer map looked for.
const MAP_REFRESH: (&str, u64) = ("SFAI_CONFIG_REFRESH_SECONDS", 30);
/// Seconds after which a request has the secrets read again.
const SECRETS_REFRESH: (&str, u64) = ("SFAI_SECRETS_REFRESH_SECONDS", 300);
/// Seconds for which a map and client keys are used that cannot be confirmed; 0 for ever. A day: longer
/// than an outage that anybody sits out, short enough that what was taken back ends by itself.
const MAX_AGE: (&str, u64) = ("SFAI_CONFIG_MAX_AGE_SECONDS", 86_400);

/// Places of which at least one is in AWS.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket with the map; without one it is in the file.
    bucket: Option<String>,
    file: PathBuf,
    /// Before the names of secrets, where Secrets Manager is asked.
    prefix: Option<String>,
    /// What trouble is counted under before there is a map that says it.
    env: String,
    map_refresh: Duration,
    secrets_refresh: Duration,
    max_age: Option<Duration>,
}

impl Place {
    /// None when all is on this machine. `read` looks an environment variable up.
    ///
    /// # Errors
    /// When a variable has no value that it can have.
    pub fn of(
        cli: &Cli,
        file: &Path,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let read = |name: &str| read(name).filter(|value| !value.trim().is_empty());
        // What was named on the command line is meant.
        let bucket = if cli.map.is_some() { None } else { read(BUCKET) };
        let of_env = || {
            let env = bucket.as_ref().and_then(|_| read(ENV))?;
            Some(format!("/sfai/{env}/"))
        };
        let prefix = if cli.is_demo() { None } else { read(PREFIX).or_else(of_env) };
        if prefix.as_ref().is_some_and(|prefix| !prefix.starts_with('/')) {
            return Err(format!("{PREFIX} is to begin with /: /sfai/prod/"));
        }
        let seconds = |(name, default)| match read(name) {
            None => Ok(Duration::from_secs(default)),
            Some(text) => text.trim().parse().map(Duration::from_secs).map_err(|_| {
                format!("{name} is to be a whole number of seconds, which {text:?} is not")
            }),
        };
        let (map_refresh, secrets_refresh) = (seconds(MAP_REFRESH)?, seconds(SECRETS_REFRESH)?);
        let max_age = Some(seconds(MAX_AGE)?).filter(|age| !age.is_zero());
        let refresh = map_refresh.max(secrets_refresh);
        // What is not looked at more often would be too old without any trouble.
        if max_age.is_some_and(|age| age <= refresh) {
            let (name, least) = (MAX_AGE.0, refresh.as_secs());
            return Err(format!(
                "{name} is to be more than {least}, or 0 for no bound: the map and the secrets are read again after that many seconds"
            ));
        }
        if bucket.is_none() && prefix.is_none() {
            return Ok(None);
        }
        let (file, env) = (file.to_path_buf(), read(ENV).unwrap_or_else(|| "default".to_owned()));
        Ok(Some(Self { bucket, file, prefix, env, map_refresh, secrets_refresh, max_age }))
    }

    /// A configuration that is read from there.
    pub fn config(self, around: Surroundings) -> Arc<Config> {
        let aws = crate::aws::shared();
        let around = match &self.prefix {
            Some(prefix) => {
                let store = Store::new(Arc::clone(&aws), prefix, self.secrets_refresh);
                around.with_store(Arc::new(store))
            }
            None => around,
        };
        let origin = match self.bucket {
            Some(bucket) => Origin::S3(Remote::new(aws, bucket)),
            None => Origin::File(self.file),
        };
        let cloud = Cloud::new(origin, self.map_refresh, self.env).for_at_most(self.max_age);
        Config::from_cloud(around, cloud)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bucket {
            Some(bucket) => write!(to, "s3://{bucket}/{KEY}"),
            None => self.file.display().fmt(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn place(arguments: &[&str], set: &[(&str, &str)]) -> Result<Option<Place>, String> {
        let cli = Cli::parse_from([&["sfai-router"], arguments].concat());
        let read = |name: &str| {
            set.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
        };
        Place::of(&cli, Path::new("map.json"), read)
    }

    #[test]
    fn aws_is_asked_for_what_the_environment_names_alone() {
        assert_eq!(place(&[], &[]), Ok(None));
        assert_eq!(place(&[], &[("SFAI_ENV", "prod"), (BUCKET, " ")]), Ok(None));
        let both = place(&[], &[(BUCKET, "b"), ("SFAI_ENV", "prod")]).unwrap().unwrap();
        assert_eq!(both.to_string(), "s3://b/config/model_map.json");
        assert_eq!((both.prefix.as_deref(), &*both.env), (Some("/sfai/prod/"), "prod"));
        assert_eq!((both.map_refresh.as_secs(), both.secrets_refresh.as_secs()), (30, 300));
        assert_eq!(both.max_age, Some(Duration::from_secs(86_400)));
        let named = [(BUCKET, "b"), (PREFIX, "/own/"), (MAP_REFRESH.0, "0")];
        let file = place(&["--map", "map.json"], &named).unwrap().unwrap();
        assert_eq!(file.to_string(), "map.json");
        assert_eq!((file.prefix.as_deref(), file.map_refresh), (Some("/own/"), Duration::ZERO));
    }

    #[test]
    #[cfg(feature = "demo")]
    fn a_demo_reads_no_secret() {
        assert_eq!(place(&["--demo"], &[(PREFIX, "/sfai/dev/")]), Ok(None));
    }

    #[test]
    fn what_no_variable_can_hold_is_refused() {
        assert!(place(&[], &[(PREFIX, "sfai")]).unwrap_err().contains(PREFIX));
        assert!(place(&[], &[(MAP_REFRESH.0, "soon")]).unwrap_err().contains("\"soon\""));
        for (age, is_well) in [("300", false), ("301", true), ("0", true)] {
            assert_eq!(place(&[], &[(MAX_AGE.0, age)]).is_ok(), is_well, "{age}");
        }
    }
}
