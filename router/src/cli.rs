//! The command line of `sfai-router`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::audit::folder::Fsync;

/// Serves the roles of a compiled map as an OpenAI-compatible API.
///
/// Provider keys are read from the environment: the variable that a provider's `api_key env "…"`
/// names, or for `secret "…"` the one named after the secret's last part. Clients are those of
/// SFAI_CLIENT_KEYS (`name:key,name:key`) and those of the map, whose keys are read in the same
/// way; without any, only loopback is served.
///
/// With SFAI_CONFIG_BUCKET the map is config/model_map.json of that S3 bucket; with
/// SFAI_SECRETS_PREFIX (or SFAI_ENV and the bucket) secrets are read from Secrets Manager, the
/// client keys from its CLIENT_KEYS, and the environment stands in for those that are not there.
///
/// As an AWS Lambda function (AWS_LAMBDA_RUNTIME_API is set) it serves invocations instead of an
/// address.
#[derive(Debug, Parser)]
#[command(name = "sfai-router", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do in place of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The compiled map; followed while the router runs.
    ///
    /// Default: the bucket, else SFAI_MAP, else model_map.json, in the function's own folder on Lambda.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,

    /// The address to serve; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Keep the audit log in this folder: a JSON line for each request, in
    /// `dt=YYYY-MM-DD/hour=HH/`.
    ///
    /// Default: SFAI_AUDIT_DIR, else there is none. Roles say what is kept: `audit full`,
    /// `metadata` or `off`.
    #[arg(long, value_name = "DIR")]
    pub audit: Option<PathBuf>,

    /// When the audit log is to survive the machine: with every write, or within a second.
    ///
    /// A process that is killed loses no line that it has written, either way.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Fsync::Interval)]
    pub audit_fsync: Fsync,

    /// Answer every provider by a built-in demo upstream on loopback: no key, no account.
    #[cfg(feature = "demo")]
    #[arg(long)]
    pub demo: bool,
}

/// What it does besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keys of clients.
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        command: Keys,
    },
}

/// See [`Command::Keys`].
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make a key for a client, and what to store of it.
    ///
    /// The key is printed once and kept nowhere. What is stored is its SHA-256: `NAME:sha256:…` in
    /// SFAI_CLIENT_KEYS or the secret CLIENT_KEYS, or `sha256:…` alone in the secret that the
    /// client's `key secret "…"` names.
    New {
        /// The client's name, as the map's `client NAME` has it.
        name: String,
    },
}

impl Cli {
    /// Whether the built-in demo answers for every provider.
    #[cfg(feature = "aws")]
    pub(crate) fn is_demo(&self) -> bool {
        #[cfg(feature = "demo")]
        return self.demo;
        #[cfg(not(feature = "demo"))]
        return false;
    }

    /// Where the map is. `read` looks an environment variable up.
    pub fn map(&self, read: impl Fn(&str) -> Option<String>) -> PathBuf {
        if let Some(map) = &self.map {
            return map.clone();
        }
        if let Some(map) = read("SFAI_MAP") {
            return map.into();
        }
        read("LAMBDA_TASK_ROOT").map(PathBuf::from).unwrap_or_default().join("model_map.json")
    }

    /// The folder of the audit log, if there is to be one.
    pub fn audit_folder(&self, read: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
        let set = || read("SFAI_AUDIT_DIR").filter(|folder| !folder.is_empty());
        self.audit.clone().or_else(|| set().map(PathBuf::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_found_by_flag_then_variable_then_beside_the_function() {
        let map = |arguments: &[&str], set: &[(&str, &str)]| {
            let cli = Cli::parse_from([&["sfai-router"], arguments].concat());
            let read = |name: &str| {
                set.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned())
            };
            cli.map(read).to_str().unwrap().to_owned()
        };
        let lambda = ("LAMBDA_TASK_ROOT", "/var/task");
        assert_eq!(map(&["--map", "a"], &[("SFAI_MAP", "b"), lambda]), "a");
        assert_eq!(map(&[], &[("SFAI_MAP", "b"), lambda]), "b");
        assert_eq!(map(&[], &[lambda]), "/var/task/model_map.json");
        assert_eq!(map(&[], &[]), "model_map.json");
    }
    #[test]
    fn the_audit_folder_is_found_by_flag_then_variable() {
        let folder = |arguments: &[&str], set: Option<&str>| {
            let cli = Cli::parse_from([&["sfai-router"], arguments].concat());
            cli.audit_folder(|_| set.map(str::to_owned))
        };
        assert_eq!(folder(&["--audit", "a"], Some("b")), Some("a".into()));
        assert_eq!(folder(&[], Some("b")), Some("b".into()));
        assert_eq!(folder(&[], Some("")), None);
    }
}
