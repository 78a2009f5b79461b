//! The trace that a request belongs to: W3C `traceparent` and `tracestate`, in and out.
//!
//! Owns the two headers and the ids of spans; what a span says is [`super::spans`]'. A client's
//! `baggage` is never read: it may hold content, and providers are third parties.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::sampler::Sampler;

pub(crate) const PARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const STATE: HeaderName = HeaderName::from_static("tracestate");

/// Of version 00, the only one so far; later ones begin with the same.
const PARENT_LENGTH: usize = 55;
/// What a vendor must pass on; more of it is nobody's promise.
const STATE_LIMIT: usize = 512;
const STATE_MEMBERS: usize = 32;

/// The flag that somebody records this trace.
const SAMPLED: u8 = 1;
/// The flag that the trace's id is random, which is passed on.
const RANDOM: u8 = 2;

/// The trace of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// The router takes part: its spans lie between the client's and the provider's.
    Own(Own),
    /// It does not, and passes on what the client sent, as it is.
    Passed(Carried),
}

/// A trace with spans of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    pub(crate) id: u128,
    /// The client's span.
    pub(crate) parent: Option<u64>,
    /// The request's span.
    pub(crate) span: u64,
    pub(crate) sampled: bool,
    flags: u8,
    pub(crate) state: Option<HeaderValue>,
}

/// The headers of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// `traceparent`.
    pub(crate) parent: HeaderValue,
    /// `tracestate`.
    pub(crate) state: Option<HeaderValue>,
}

impl Trace {
    /// The trace of a request with these headers: one of ours where there is a sampler, else the
    /// client's, if it has one. What is malformed is as if it were not there.
    pub(crate) fn of(
        headers: &HeaderMap,
        sampler: Option<&Sampler>,
        random: fn() -> u64,
    ) -> Option<Arc<Self>> {
        let parent = headers.get(PARENT);
        if parent.is_none() && sampler.is_none() {
            return None;
        }
        let client = parent.and_then(|value| {
            // Two of them are none.
            let is_one = headers.get_all(PARENT).iter().nth(1).is_none();
            Some((value, Parent::read(value.as_bytes())?)).filter(|_| is_one)
        });
        let state = client.as_ref().and_then(|_| state(headers));
        let trace = match (sampler, client) {
            (None, None) => return None,
            (None, Some((value, _))) => Self::Passed(Carried { parent: value.clone(), state }),
            (Some(sampler), client) => {
                Self::Own(Own::new(client.map(|(_, it)| it), state, (sampler, random)))
            }
        };
        Some(Arc::new(trace))
    }

    /// The headers of an attempt, by its place in the log.
    pub(crate) fn carried(&self, attempt: usize) -> Option<Carried> {
        match self {
            Self::Passed(carried) => Some(carried.clone()),
            Self::Own(own) => {
                let (id, span, flags) = (own.id, own.attempt(attempt), own.flags);
                let parent = format!("00-{id:032x}-{span:016x}-{flags:02x}");
                let parent = HeaderValue::try_from(parent).ok()?;
                Some(Carried { parent, state: own.state.clone() })
            }
        }
    }

    /// The trace, where spans of it are recorded.
    pub(crate) fn recorded(&self) -> Option<&Own> {
        match self {
            Self::Own(own) if own.sampled => Some(own),
            _ => None,
        }
    }
}

impl Own {
    fn new(
        client: Option<Parent>,
        state: Option<HeaderValue>,
        (sampler, random): (&Sampler, fn() -> u64),
    ) -> Self {
        let fresh = || (u128::from(random()) << 64 | u128::from(random())).max(1);
        let id = client.as_ref().map_or_else(fresh, |it| it.id);
        let sampled = sampler.samples(id, client.as_ref().map(|it| it.flags & SAMPLED != 0));
        // An id of our own is as random as the flag says.
        let random_flag = client.as_ref().map_or(RANDOM, |it| it.flags & RANDOM);
        let flags = random_flag | if sampled { SAMPLED } else { 0 };
        let parent = client.map(|it| it.span);
        Self { id, parent, span: random().max(1), sampled, flags, state }
    }

    /// The span of an attempt, by its place in the log. Worked out from the request's, so that
    /// nothing need be kept of it between the call and the record.
    pub(crate) fn attempt(&self, attempt: usize) -> u64 {
        let step = (attempt as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // SplitMix64's last steps, which map no two spans of a trace to the same.
        let mut mixed = self.span.wrapping_add(step);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).max(1)
    }

    pub(crate) fn flags(&self) -> u8 {
        self.flags
    }
}

/// What a `traceparent` says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parent {
    id: u128,
    span: u64,
    flags: u8,
}

impl Parent {
    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`
    fn read(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (known, more) = text.split_at_checked(PARENT_LENGTH)?;
        let mut parts = known.split('-');
        let version = hex(parts.next()?, 2)?;
        let id = hex(parts.next()?, 32)?;
        let span = hex(parts.next()?, 16)?;
        let flags = hex(parts.next()?, 2)?;
        let fits = match version {
            0 => more.is_empty(),
            0xff => false,
            // A later version may say more, after another dash.
            _ => more.is_empty() || more.starts_with('-'),
        };
        if !fits || parts.next().is_some() || id == 0 || span == 0 {
            return None;
        }
        Some(Self { id, span: u64::try_from(span).ok()?, flags: u8::try_from(flags).ok()? })
    }
}

/// A number of exactly so many hexadecimal digits, lower case.
fn hex(digits: &str, length: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != length || !digits.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok()
}

/// The `tracestate` of a request, several joined; none where it is malformed in any part.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut members: Vec<&str> = Vec::new();
    for value in headers.get_all(STATE) {
        let text = value.to_str().ok()?;
        let all = text.split(',').map(|it| it.trim_matches([' ', '\t']));
        members.extend(all.filter(|it| !it.is_empty()));
    }
    let keys: Option<Vec<&str>> = members.iter().map(|member| key(member)).collect();
    let mut keys = keys?;
    keys.sort_unstable();
    let count = keys.len();
    keys.dedup();
    if count == 0 || count > STATE_MEMBERS || keys.len() != count {
        return None;
    }
    let joined = members.join(",");
    if joined.len() > STATE_LIMIT { None } else { HeaderValue::try_from(joined).ok() }
}

/// The key of a well-formed member of a `tracestate`.
fn key(member: &str) -> Option<&str> {
    let (key, value) = member.split_once('=')?;
    let is_word = |word: &str, most: usize, begins_with_digit: bool| {
        let first = word.bytes().next();
        let begins = first.is_some_and(|it| {
            it.is_ascii_lowercase() || (begins_with_digit && it.is_ascii_digit())
        });
        let rest = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"_-*/".contains(&it);
        begins && word.len() <= most && word.bytes().all(rest)
    };
    let key_fits = match key.split_once('@') {
        None => is_word(key, 256, false),
        Some((tenant, system)) => is_word(tenant, 241, true) && is_word(system, 14, false),
    };
    let is_printed = |it: u8| (0x20..=0x7e).contains(&it) && it != b',' && it != b'=';
    let value_fits = !value.is_empty() && value.len() <= 256 && value.bytes().all(is_printed);
    (key_fits && value_fits).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn own(pairs: &[(HeaderName, &str)]) -> Own {
        match Trace::of(&headers(pairs), Some(&Sampler::default()), || 7).as_deref() {
            Some(Trace::Own(own)) => own.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_clients_trace_goes_on_with_a_span_of_each_attempts_own() {
        let own = own(&[(PARENT, GOOD), (STATE, "a=1, b@c=x y"), (STATE, "d=2")]);
        assert_eq!(own.id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((own.parent, own.span, own.sampled), (Some(0x00f0_67aa_0ba9_02b7), 7, true));
        let trace = Trace::Own(own.clone());
        let (first, second) = (trace.carried(0).unwrap(), trace.carried(1).unwrap());
        assert_ne!(first.parent, second.parent);
        assert_eq!(first.state.unwrap(), "a=1,b@c=x y,d=2");
        let read = Parent::read(second.parent.as_bytes()).unwrap();
        assert_eq!(read, Parent { id: own.id, span: own.attempt(1), flags: 1 });
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for bad in [
            "",
            "00",
            zeros,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            " 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let read = own(&[(PARENT, bad), (STATE, "a=1")]);
            assert_eq!((read.parent, read.state), (None, None), "{bad}");
            assert_eq!(Trace::of(&headers(&[(PARENT, bad)]), None, || 7), None, "{bad}");
        }
        assert_eq!(own(&[(PARENT, GOOD), (PARENT, GOOD)]).parent, None);
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
        assert_eq!(own(&[(PARENT, later)]).parent, Some(0x00f0_67aa_0ba9_02b7));
        for bad in ["a", "A=1", "a=", "a=1,a=2", "a=b=c", "1a=1", "a@=1", "a b=1", "ä=1"] {
            let mut all = headers(&[(PARENT, GOOD)]);
            all.insert(STATE, HeaderValue::from_bytes(bad.as_bytes()).unwrap());
            let trace = Trace::of(&all, None, || 7).unwrap();
            assert_eq!(trace.carried(0).unwrap().state, None, "{bad}");
        }
        let long = format!("a={}", "x".repeat(256));
        assert!(own(&[(PARENT, GOOD), (STATE, &long)]).state.is_some());
        let many: Vec<String> = (0..33).map(|number| format!("a{number}=1")).collect();
        assert!(own(&[(PARENT, GOOD), (STATE, &many.join(","))]).state.is_none());
    }

    #[test]
    fn without_a_sampler_the_clients_own_is_passed_on() {
        let trace = Trace::of(&headers(&[(PARENT, GOOD), (STATE, "a=1")]), None, || 7).unwrap();
        let carried = trace.carried(3).unwrap();
        assert_eq!((carried.parent, carried.state), (GOOD.parse().unwrap(), "a=1".parse().ok()));
        assert_eq!(trace.recorded(), None);
        assert_eq!(Trace::of(&headers(&[(STATE, "a=1")]), None, || 7), None);
    }
}
