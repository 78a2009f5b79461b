//! Which roles come after which, and which are but other names of others.
//!
//! Owns the reading of LiteLLM's lists; what a role makes of them is for its parent.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::import::ImportError;
use crate::import::draft::Draft;
use crate::import::input::{Settings, no_secret, wrong};

/// Where something is said, and the role that it names.
pub(super) type Named = (String, String);

/// The roles that come after each role.
type ByRole = BTreeMap<String, Vec<Named>>;

/// Which roles come after a role's own deployments.
#[derive(Default)]
pub(super) struct Fallbacks {
    /// After any failure.
    by_role: ByRole,
    /// After a prompt that is too long.
    longer: ByRole,
    /// After refused content.
    refused: ByRole,
    default: Vec<Named>,
    /// By the alias.
    pub(super) aliases: BTreeMap<String, Named>,
}

impl Fallbacks {
    pub(super) fn read(
        &mut self,
        section: &mut Settings,
        draft: &mut Draft<'_>,
    ) -> Result<(), ImportError> {
        self.default.extend(section.texts("default_fallbacks")?);
        for (path, value) in section.list("fallbacks")? {
            for (role, others) in entry(&path, value, draft)? {
                if role == "*" {
                    self.default.extend(others);
                } else {
                    self.by_role.entry(role).or_default().extend(others);
                }
            }
        }
        for (key, by_role) in [
            ("context_window_fallbacks", &mut self.longer),
            ("content_policy_fallbacks", &mut self.refused),
        ] {
            for (path, value) in section.list(key)? {
                for (role, others) in entry(&path, value, draft)? {
                    by_role.entry(role).or_default().extend(others);
                }
            }
        }
        self.read_aliases(section, draft)
    }

    fn read_aliases(
        &mut self,
        section: &mut Settings,
        draft: &mut Draft<'_>,
    ) -> Result<(), ImportError> {
        let mut aliases = section.section("model_group_alias")?;
        for alias in aliases.keys() {
            no_secret(&aliases.at(&alias), &alias)?;
            let path = aliases.at(&alias);
            let of = match aliases.value(&alias) {
                None => continue,
                Some(Value::String(of)) => of,
                Some(value) => {
                    let mut settings = Settings::of(&path, value)?;
                    let of = settings.needed("model")?;
                    if settings.value("hidden") == Some(Value::Bool(true)) {
                        let why = "not carried over; every role is listed to those who may ask it";
                        draft.report.add(settings.at("hidden"), why);
                    }
                    settings.leave(&mut draft.report);
                    of
                }
            };
            self.aliases.insert(alias, (path, of));
        }
        Ok(())
    }

    /// Takes away the aliases that are roles of their own.
    pub(super) fn drop_aliases(&mut self, is_role: impl Fn(&str) -> bool, draft: &mut Draft<'_>) {
        self.aliases.retain(|alias, (path, _)| {
            if is_role(alias) {
                let why = "left out: a model of `model_list` has that name";
                draft.report.add(path.as_str(), why);
            }
            !is_role(alias)
        });
    }

    /// What a name stands for.
    pub(super) fn meant<'n>(&'n self, name: &'n str) -> &'n str {
        self.aliases.get(name).map_or(name, |(_, of)| of)
    }

    /// Those after any failure, the role itself left out.
    pub(super) fn after(&self, role: &str) -> Vec<&Named> {
        self.but(role, self.by_role.get(role).unwrap_or(&self.default))
    }

    /// Those for prompts that are too long.
    pub(super) fn longer(&self, role: &str) -> Vec<&Named> {
        self.but(role, self.longer.get(role).map_or(&[][..], Vec::as_slice))
    }

    /// Those after refused content.
    pub(super) fn refused(&self, role: &str) -> Vec<&Named> {
        self.but(role, self.refused.get(role).map_or(&[][..], Vec::as_slice))
    }

    fn but<'f>(&self, role: &str, all: &'f [Named]) -> Vec<&'f Named> {
        all.iter().filter(|(_, other)| self.meant(other) != role).collect()
    }

    /// Reports what is said of roles that there are none of.
    pub(super) fn leave(&self, is_role: impl Fn(&str) -> bool, draft: &mut Draft<'_>) {
        let lists = [&self.by_role, &self.longer, &self.refused];
        for (role, others) in lists.into_iter().flatten() {
            for (path, _) in others {
                if !is_role(role) {
                    let why = match self.aliases.contains_key(role) {
                        true => format!(
                            "`{role}` is another name and goes where `{}` goes",
                            self.meant(role)
                        ),
                        false => format!("`{role}` is no model of `model_list`"),
                    };
                    draft.report.add(path.as_str(), why);
                }
            }
        }
    }
}

/// Roles, and those that come after each of them.
type Others = Vec<(String, Vec<Named>)>;

fn entry(path: &str, value: Value, draft: &mut Draft<'_>) -> Result<Others, ImportError> {
    let mut entry = Settings::of(path, value)?;
    let mut all = Vec::new();
    for role in entry.keys() {
        let mut others = Vec::new();
        for (path, other) in entry.list(&role)? {
            match other {
                Value::String(other) => others.push((path, other)),
                Value::Object(_) => {
                    let why = "a fallback with settings of its own is not carried over";
                    draft.report.add(path, why);
                }
                _ => return Err(wrong(&path, "must be the name of a model")),
            }
        }
        all.push((role, others));
    }
    Ok(all)
}
