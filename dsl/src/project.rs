//! The project: its folder and what `sfai.toml` settles.
//!
//! Owns the settings and how they are found; what is done with them is for the commands.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use crate::catalogue::{Catalogue, SectionPatch, overlay};
use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::rules;
use crate::span::{FileId, SourceFile, Sources, Span};
use crate::store::Address;
use crate::toml_read::{Problem, document, string, strings, table, unknown_key};

/// The file's name.
pub const FILE_NAME: &str = "sfai.toml";

/// What `sfai.toml` may hold.
const KEYS: [&str; 6] = ["catalogue", "env", "folder", "output", "platform", "push"];

/// What `[push]` may hold.
const PUSH_KEYS: [&str; 1] = ["target"];

/// Where the router runs, which bounds how long an answer may take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Platform {
    /// AWS Lambda: 15 minutes.
    #[default]
    Lambda,
    /// An API Gateway HTTP API: 30 seconds.
    HttpApi,
    /// No bound.
    None,
}

impl Platform {
    const NAMES: [(&'static str, Self); 3] =
        [("http_api", Self::HttpApi), ("lambda", Self::Lambda), ("none", Self::None)];

    /// The longest that a request may take there (AWS's quotas of November 2026).
    pub const fn limit(self) -> Option<Duration> {
        match self {
            Self::Lambda => Some(Duration::from_mins(15)),
            Self::HttpApi => Some(Duration::from_secs(30)),
            Self::None => None,
        }
    }

    /// The word in `sfai.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::HttpApi => "http_api",
            Self::None => "none",
        }
    }
}

/// A project.
#[derive(Debug)]
pub struct Project {
    /// The folder of `sfai.toml`, else the working folder; positions are relative to it.
    pub root: PathBuf,
    /// Where the `.sfr` files are when no path is given, relative to `root`.
    pub folder: String,
    /// The environment when none is asked for.
    pub env: Option<String>,
    /// The map that `compile` writes, relative to `root`.
    pub output: String,
    /// Where the router runs.
    pub platform: Platform,
    /// Where `push` takes maps, as [`crate::store::Address`] reads it once `${env}` is filled in.
    pub push_target: Option<String>,
    /// The facts about models, overlays included.
    pub catalogue: Catalogue,
    /// `sfai.toml` and the overlays, for the places of `findings`.
    pub sources: Sources,
    /// What is wrong with them.
    pub findings: Vec<Diagnostic>,
}

impl Project {
    /// The settings of a project without `sfai.toml`.
    pub fn bare(root: PathBuf) -> Self {
        Self {
            root,
            folder: "routes".into(),
            env: None,
            output: "model_map.json".into(),
            platform: Platform::default(),
            push_target: None,
            catalogue: Catalogue::default(),
            sources: Sources::default(),
            findings: Vec::new(),
        }
    }

    /// The project of a working folder: `sfai.toml` there or in the nearest folder above.
    ///
    /// # Errors
    /// When `sfai.toml` is there and cannot be read.
    pub fn find(working: &Path) -> io::Result<Self> {
        let Some(root) = working.ancestors().find(|folder| folder.join(FILE_NAME).is_file()) else {
            return Ok(Self::bare(working.to_path_buf()));
        };
        let text = fs::read(root.join(FILE_NAME))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Self::of_settings(root.to_path_buf(), text))
    }

    /// The project of a `sfai.toml` with this text.
    pub fn of_settings(root: PathBuf, text: String) -> Self {
        let mut project = Self::bare(root);
        project.apply(text);
        project
    }

    /// The environment to compile for: what was asked for, else `SFAI_ENV`, else `sfai.toml`'s,
    /// else `default`.
    pub fn env(&self, asked: Option<&str>) -> String {
        let of_system = std::env::var("SFAI_ENV").ok().filter(|name| !name.is_empty());
        let name = asked.map(str::to_owned).or(of_system).or_else(|| self.env.clone());
        name.unwrap_or_else(|| "default".into())
    }

    fn apply(&mut self, text: String) {
        let mut problems = Vec::new();
        let mut overlays = Vec::new();
        let id = self.sources.add(SourceFile::new(FILE_NAME, text.clone()));
        let settings = document(&text, &mut problems);
        for (key, value) in settings.get_ref() {
            match key.get_ref().as_ref() {
                "folder" => set(&mut self.folder, string(value, &mut problems)),
                "output" => set(&mut self.output, string(value, &mut problems)),
                "env" => self.env = string(value, &mut problems),
                "platform" => set(&mut self.platform, platform(value, &mut problems)),
                "push" => self.push_target = push_target(value, &mut problems),
                "catalogue" => overlays = strings(value, &mut problems).unwrap_or_default(),
                other => problems.push(unknown_key(other, key.span(), &KEYS)),
            }
        }
        self.report(id, problems);
        let patches: Vec<_> = overlays
            .into_iter()
            .flat_map(|(path, place)| self.read_overlay(&path, Span::new(id, place)))
            .collect();
        self.catalogue = Catalogue::with(patches);
    }

    fn read_overlay(&mut self, path: &str, named_at: Span) -> Vec<(String, SectionPatch)> {
        let text = match fs::read_to_string(self.root.join(path)) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("the catalogue `{path}` cannot be read: {error}");
                let help = "name a TOML file, relative to the folder of sfai.toml";
                self.findings.push(rules::settings::finding(named_at, message).help(help));
                return Vec::new();
            }
        };
        let (sections, problems) = overlay(&text);
        let id = self.sources.add(SourceFile::new(path, text));
        self.report(id, problems);
        sections
    }

    fn report(&mut self, file: FileId, problems: Vec<Problem>) {
        for problem in problems {
            let span = Span::new(file, problem.place);
            let mut finding = rules::settings::finding(span, problem.message).help(problem.help);
            if let Some(instead) = problem.instead {
                finding = finding.fix(format!("write `{instead}`"), span, instead);
            }
            self.findings.push(finding);
        }
    }
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn platform(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Platform> {
    let word = string(value, problems)?;
    if let Some((_, platform)) = Platform::NAMES.into_iter().find(|(name, _)| *name == word) {
        return Some(platform);
    }
    let names = Platform::NAMES.map(|(name, _)| name);
    let help = nearest(&word, names).map_or_else(
        || format!("write one of {}", names.join(", ")),
        |name| format!("did you mean `{name}`?"),
    );
    problems.push(Problem::new(value.span(), format!("`{word}` is not a platform"), help));
    None
}

fn push_target(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<String> {
    let mut target = None;
    for (key, value) in table(value, problems)? {
        match key.get_ref().as_ref() {
            "target" => target = string(value, problems).map(|text| (text, value.span())),
            other => problems.push(unknown_key(other, key.span(), &PUSH_KEYS)),
        }
    }
    let (text, place) = target?;
    // Any name of an environment does to see whether the rest is well written.
    if let Err(why) = Address::parse(&text.replace("${env}", "env"), Path::new("")) {
        let help = "write s3://BUCKET, s3://BUCKET/PREFIX, file:///PATH or a path";
        problems.push(Problem::new(place, why, help));
        return None;
    }
    Some(text)
}

/// `path` without `.` and, as far as it goes, `..`; nothing is asked of the file system.
pub fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(tidy.components().next_back(), Some(Component::Normal(_))) =>
            {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

/// `path` as seen from `root`, both absolute and tidy, with `/` on every system.
pub fn relative(root: &Path, path: &Path) -> String {
    let mut up = String::new();
    for folder in root.ancestors() {
        if let Ok(inside) = path.strip_prefix(folder) {
            let parts: Vec<_> =
                inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            return up + &parts.join("/");
        }
        up.push_str("../");
    }
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Project {
        let mut project = Project::bare("/p".into());
        project.apply(text.into());
        project
    }

    #[test]
    fn settings_are_read() {
        let project =
            of("folder = \"r\"\nenv = \"dev\"\noutput = \"m.json\"\nplatform = \"http_api\"\n");
        assert_eq!(project.findings, vec![]);
        assert_eq!((project.folder.as_str(), project.output.as_str()), ("r", "m.json"));
        assert_eq!(project.platform, Platform::HttpApi);
        assert_eq!(project.env(Some("x")), "x");
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_and_the_place() {
        let project = of("\nfoldr = \"r\"\n");
        let [finding] = project.findings.as_slice() else { panic!("one finding") };
        assert_eq!(finding.message, "`foldr` is not a key here");
        assert_eq!(finding.help.as_deref(), Some("did you mean `folder`?"));
        assert_eq!(project.sources.place(finding.span), "sfai.toml:2");
        assert_eq!(finding.span.range(), 1..6);
    }

    #[test]
    fn what_is_not_toml_or_of_another_type_is_told() {
        assert_eq!(of("folder = \n").findings.len(), 1);
        let project = of("folder = 3\nplatform = \"lamda\"\ncatalogue = [\"none.toml\"]\n");
        let messages: Vec<_> = project.findings.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(messages[0], "expected a string, found a TOML integer");
        assert_eq!(messages[1], "`lamda` is not a platform");
        assert!(messages[2].starts_with("the catalogue `none.toml` cannot be read"));
    }

    #[test]
    fn a_target_is_read_and_a_misspelt_one_is_told() {
        let project = of("[push]\ntarget = \"s3://sfai-${env}\"\n");
        assert_eq!(project.findings, vec![]);
        assert_eq!(project.push_target.as_deref(), Some("s3://sfai-${env}"));
        let project = of("[push]\ntarget = \"gs://bucket\"\n\n[push.more]\n");
        let messages: Vec<_> = project.findings.iter().map(|f| f.message.as_str()).collect();
        assert!(messages.iter().any(|it| it.starts_with("`gs://bucket` is no target")));
        assert!(messages.contains(&"`more` is not a key here"), "{messages:?}");
        assert_eq!(of("push = 3\n").findings[0].message, "expected a table, found a TOML integer");
    }

    #[test]
    fn paths_are_seen_from_the_root() {
        assert_eq!(relative(Path::new("/a/b"), Path::new("/a/b/c/d.sfr")), "c/d.sfr");
        assert_eq!(relative(Path::new("/a/b"), Path::new("/a/x.sfr")), "../x.sfr");
        assert_eq!(tidy(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
