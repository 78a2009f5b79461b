//! The catalogue of models, refreshed from its source: `cargo xtask catalogue --from FILE`.
//!
//! Owns the way from the source and what people add to the committed files; what the files mean is
//! the language's.

mod by_hand;
mod fact;
mod source;
mod write;

use std::path::{Path, PathBuf};

use clap::Args;

use self::by_hand::ByHand;
use self::source::Source;
use crate::trouble::{Doing, Trouble};

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The facts of models.dev, as one JSON file
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Write nothing; fail when a file is not what would be written
    #[arg(long)]
    check: bool,
}

/// Writes, or compares, one file a section.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let shown = options.from.display();
    let text = std::fs::read_to_string(&options.from).doing(format!("read {shown}"))?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dsl/catalogue");
    let by_hand = folder.join("by_hand.toml");
    let by_hand = std::fs::read_to_string(by_hand).doing("read by_hand.toml")?;
    let mut stale = Vec::new();
    for (name, text) in generate(&text, &by_hand)? {
        let path = folder.join(&name);
        if options.check {
            let is_same = std::fs::read_to_string(&path).is_ok_and(|there| there == text);
            stale.extend((!is_same).then_some(name));
        } else {
            std::fs::write(&path, text).doing(format!("write {name}"))?;
        }
    }
    match stale.as_slice() {
        [] => Ok(()),
        stale => Err(Trouble::new(
            "find the catalogue as its source has it",
            format!("run `cargo xtask catalogue --from FILE` for {}", stale.join(", ")),
        )),
    }
}

/// Every file's name and text.
fn generate(source: &str, by_hand: &str) -> Result<Vec<(String, String)>, Trouble> {
    let source = Source::read(source)?;
    let by_hand: ByHand = toml::from_str(by_hand).doing("understand by_hand.toml")?;
    by_hand.find_stale(&source)?;
    by_hand
        .sections
        .iter()
        .map(|section| {
            let models = source.provider(&section.from)?.iter();
            let chat = models.filter(|(_, model)| model.is_of_text());
            let facts = chat.map(|(id, model)| {
                let facts = by_hand.correct(&section.name, id, model);
                (id.as_str(), facts)
            });
            let text = write::section(section, &source.as_of, &facts.collect::<Vec<_>>());
            Ok((format!("{}.toml", section.name), text))
        })
        .collect()
}

#[cfg(test)]
mod tests;
