//! By which names a router that asks for no key may be called.
//!
//! Owns the judgement of a `Host`: a page can have a name of its own resolve to this machine, and
//! would then talk to the router as if it were the page's server. Where a key is asked for, no page
//! has one, and any name will do.

use std::net::IpAddr;

/// The variable that holds further names: `host.docker.internal,sfai.test`.
pub const ALLOWED_HOSTS: &str = "SFAI_ALLOWED_HOSTS";

/// Names besides those that are this machine's everywhere.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Reads the list.
    ///
    /// # Errors
    /// When a part is more than a name; the text says which.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let named = parts.map(|part| {
            let is_name = part.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it));
            is_name.then(|| part.to_ascii_lowercase()).ok_or_else(|| {
                format!(
                    "{ALLOWED_HOSTS}: {part:?} is no name of a host; one has neither scheme nor port, host.docker.internal"
                )
            })
        });
        named.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a host, with or without a port, is one of these or this machine.
    pub(crate) fn know(&self, host: &str) -> bool {
        let is = |name| host.strip_prefix(name).is_some_and(|port| port.starts_with(':'));
        // As nearly all call it; reading an address takes longer.
        if is("localhost") || is("127.0.0.1") {
            return true;
        }
        let name = without_port(host);
        is_this_machine(name) || self.0.iter().any(|it| it.eq_ignore_ascii_case(name))
    }
}

/// The name or address in `name:8080` or `[::1]:8080`.
pub(crate) fn without_port(host: &str) -> &str {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    name.unwrap_or_default()
}

/// Whether a name or an address is this machine wherever it is looked up.
pub(crate) fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    // RFC 6761: what is below it is this machine, too.
    let last = name.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names_and_by_those_of_the_list() {
        let none = Hosts::default();
        for host in [
            "localhost",
            "LOCALHOST:80",
            "app.localhost:1",
            "localhost.",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8",
            "[::1]",
        ] {
            assert!(none.know(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "notlocalhost",
            "[::2]",
        ] {
            assert!(!none.know(host), "{host}");
        }
        let named = Hosts::parse(" Host.docker.internal, sfai.test ").unwrap();
        assert!(named.know("host.docker.internal:8080") && named.know("SFAI.test"));
        assert!(!named.know("evil.sfai.test"));
    }

    #[test]
    fn what_is_no_name_is_named() {
        for text in ["http://a.example", "a.example:80", "a b", "*"] {
            let why = Hosts::parse(text).unwrap_err();
            assert!(why.contains(text) && why.contains(ALLOWED_HOSTS), "{why}");
        }
    }
}
