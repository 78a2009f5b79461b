//! Which traces are recorded, as `OTEL_TRACES_SAMPLER` says.
//!
//! Owns the decision alone; the flag that tells the next one of it is [`super::trace`]'s.

/// See the module; by default all but those that the client says nobody records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampler {
    /// For traces that begin here.
    share: f64,
    /// Whether a client's own decision goes before it.
    follows: bool,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { share: 1.0, follows: true }
    }
}

impl Sampler {
    /// The sampler of a name, the value of `OTEL_TRACES_SAMPLER`, and of that of
    /// `OTEL_TRACES_SAMPLER_ARG`.
    ///
    /// # Errors
    /// When there is no such sampler, or no such share; the text says which there are.
    pub(crate) fn parse(name: &str, share: Option<&str>) -> Result<Self, String> {
        let (name, follows) = match name.strip_prefix("parentbased_") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let share = match name {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => read_share(share)?,
            _ => {
                return Err("OTEL_TRACES_SAMPLER is to be always_on, always_off or traceidratio, or one of these after parentbased_".into());
            }
        };
        Ok(Self { share, follows })
    }

    /// Whether a trace is recorded. `parent` is what the client decided, where it had a part in it.
    pub(crate) fn samples(&self, trace: u128, parent: Option<bool>) -> bool {
        if let Some(parent) = parent.filter(|_| self.follows) {
            return parent;
        }
        // As other SDKs do it: of one trace all decide alike. The bounds are exact, whatever is
        // lost below 2^-53.
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let place = trace as u64 as f64 / u64::MAX as f64;
        self.share >= 1.0 || place < self.share
    }
}

fn read_share(text: Option<&str>) -> Result<f64, String> {
    let Some(text) = text else { return Ok(1.0) };
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!(
            "OTEL_TRACES_SAMPLER_ARG is {text:?}: it is to be a share from 0 to 1, such as 0.1"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_traces_is_recorded_and_a_clients_decision_goes_before() {
        let ids = (0..10_000_u64).map(|it| u128::from(it.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for (name, share, parent, recorded) in [
            ("always_on", None, Some(false), 10_000),
            ("always_off", None, Some(true), 0),
            ("parentbased_always_on", None, Some(false), 0),
            ("parentbased_always_off", None, Some(true), 10_000),
            ("parentbased_always_off", None, None, 0),
            ("traceidratio", Some("1"), None, 10_000),
            ("traceidratio", Some("0"), None, 0),
            ("parentbased_traceidratio", Some("0.25"), Some(true), 10_000),
        ] {
            let sampler = Sampler::parse(name, share).unwrap();
            let count = ids.clone().filter(|id| sampler.samples(*id, parent)).count();
            assert_eq!(count, recorded, "{name} {share:?} {parent:?}");
        }
        let quarter = Sampler::parse("traceidratio", Some("0.25")).unwrap();
        let count = ids.filter(|id| quarter.samples(*id, Some(false))).count();
        assert!((2_400..2_600).contains(&count), "{count}");
    }

    #[test]
    fn what_is_no_sampler_is_refused_with_what_there_is() {
        assert!(Sampler::parse("xray", None).unwrap_err().contains("always_on"));
        assert!(Sampler::parse("traceidratio", Some("2")).unwrap_err().contains("0 to 1"));
        assert!(Sampler::parse("traceidratio", Some("NaN")).is_err());
    }
}
