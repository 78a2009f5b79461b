//! `sfai-dsl models`.
//!
//! Owns which models are listed; how they are shown is the renderers'.

use clap::{Args, ValueEnum};

use super::look::width;
use super::{CouldNotRun, Exit, print, project};
use crate::catalogue::Catalogue;
use crate::nearest::nearest;
use crate::render::models::{Listed, human, json};
use model_map::glob_matches;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Part of a provider or an identifier, or a glob over all of one (`*sonnet*`, `openai/gpt-5?`);
    /// everything when there is none
    filter: Option<String>,
    /// How to show them
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A table
    Human,
    /// For programs
    Json,
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    let project = project(&std::env::current_dir()?)?;
    let filter = options.filter.as_deref().unwrap_or_default();
    let listed: Vec<_> =
        all(&project.catalogue).filter(|one| is_meant(filter, one.provider, one.id)).collect();
    match options.format {
        Format::Human => print(human(&listed, width())),
        Format::Json => print(json(&listed)?),
    }
    if listed.is_empty() {
        eprintln!("sfai-dsl: {}", nothing(&project.catalogue, filter));
        return Ok(Exit::Findings);
    }
    Ok(Exit::Clean)
}

fn all(catalogue: &Catalogue) -> impl Iterator<Item = Listed<'_>> {
    catalogue.sections().flat_map(|(provider, section)| {
        section.models.iter().map(move |(id, facts)| Listed { provider, id, facts })
    })
}

/// Whether the filter means a model: by its provider, its identifier or both with `/` between.
/// Letter case makes no difference.
fn is_meant(filter: &str, provider: &str, id: &str) -> bool {
    let filter = filter.to_lowercase();
    let key = format!("{provider}/{id}").to_lowercase();
    if !filter.contains(['*', '?']) {
        return key.contains(&filter);
    }
    let id = id.to_lowercase();
    [key.as_str(), provider, &id].iter().any(|value| glob_matches(&filter, value))
}

/// Says that nothing was found, and what is near.
fn nothing(catalogue: &Catalogue, filter: &str) -> String {
    let filter = filter.to_lowercase();
    let names = catalogue.sections().map(|(name, _)| name.to_owned());
    let ids = all(catalogue).map(|one| one.id.to_owned());
    let keys = all(catalogue).map(|one| format!("{}/{}", one.provider, one.id));
    let words: Vec<_> = names.chain(ids).chain(keys).collect();
    let near = nearest(&filter, words.iter().map(String::as_str));
    let help = near.map_or_else(
        || "`sfai-dsl models` lists them all".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    format!("the catalogue knows no model like `{filter}`; {help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_part_of_a_name_or_a_glob_over_all_of_one() {
        let is = |filter| is_meant(filter, "openai", "gpt-5.4-mini");
        for filter in ["", "openai", "5.4", "AI/gpt", "GPT-5.4", "gpt-*", "openai", "open*/*-mini"]
        {
            assert!(is(filter), "{filter}");
        }
        for filter in ["gpt-5.5", "*5.4", "mini?", "anthropic", "gpt/"] {
            assert!(!is(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is_near() {
        let told = |filter| nothing(&Catalogue::default(), filter);
        assert!(told("gpt-5.44").ends_with("did you mean `gpt-5.4`?"), "{}", told("gpt-5.44"));
        assert!(told("opena1").ends_with("did you mean `openai`?"));
        assert!(told("openai/gpt-5.4-mimi").ends_with("did you mean `openai/gpt-5.4-mini`?"));
        assert!(told("zzzzzzzzzzzzzzzz").ends_with("`sfai-dsl models` lists them all"));
    }
}
