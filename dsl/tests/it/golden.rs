//! Whole programs beside all that the language makes of them; `tests/golden/README.md` says how a
//! case is added.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sfai_dsl::check::check;
use sfai_dsl::emit::emit;
use sfai_dsl::format::format;
use sfai_dsl::load::{Loaded, load};
use sfai_dsl::project::Project;
use sfai_dsl::render::Tally;
use sfai_dsl::render::human::{Look, render};
use sfai_dsl::rules::PRELUDE;

use crate::project::Scratch;

/// Files by their paths, from the folder of the golden files or from that of a case.
type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn every_golden_case_is_as_it_was_read_in_review() {
    let folder = folder();
    let there = files_below(&folder);
    let cases = cases(&there);
    let expected: Files = cases.iter().flat_map(|(name, case)| outputs(name, case)).collect();
    let inputs: Vec<_> = cases.iter().flat_map(|(name, case)| case.paths(name)).collect();
    let written = there.iter().filter(|(path, _)| !inputs.contains(path) && is_output(path));
    let written: Files = written.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    if std::env::var_os("SFAI_UPDATE_GOLDEN").is_some() {
        return update(&folder, &written, &expected);
    }
    let differing = differences(&written, &expected);
    assert!(
        differing.is_empty(),
        "SFAI_UPDATE_GOLDEN=1 writes what is new; read it.\n{}",
        differing.join("\n")
    );
    println!("{} cases", cases.len());
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A case: the files of its project.
struct Case {
    files: Files,
    is_folder: bool,
}

impl Case {
    /// Where its own files stand among the golden ones.
    fn paths(&self, name: &str) -> Vec<String> {
        match self.is_folder {
            true => self.files.keys().map(|path| format!("{name}/{path}")).collect(),
            false => vec![format!("{name}.sfr")],
        }
    }
}

fn cases(there: &Files) -> BTreeMap<String, Case> {
    let mut cases = BTreeMap::new();
    for (path, bytes) in there.iter().filter(|(path, _)| !is_output(path)) {
        let (name, inside) = match path.split_once('/') {
            Some((name, inside)) => (name, inside.to_owned()),
            None => match path.strip_suffix(".sfr") {
                Some(name) => (name, format!("routes/{path}")),
                None => continue,
            },
        };
        let is_folder = path.contains('/');
        let case = || Case { files: Files::new(), is_folder };
        let case = cases.entry(name.to_owned()).or_insert_with(case);
        assert_eq!(case.is_folder, is_folder, "{name} is a file and a folder");
        case.files.insert(inside, bytes.clone());
    }
    cases
}

fn is_output(path: &str) -> bool {
    let name = path.split('/').next().unwrap();
    [".findings.txt", ".map.json", ".fmt.sfr", ".fmt"].iter().any(|ending| name.ends_with(ending))
}

/// What the language makes of a case, by the golden files that hold it.
fn outputs(name: &str, case: &Case) -> Files {
    let scratch = Scratch::new(&[]);
    case.files.iter().for_each(|(path, bytes)| scratch.write(path, bytes));
    if !case.is_folder {
        scratch.write("routes/prelude.sfr", PRELUDE.as_bytes());
    }
    let project = Project::find(scratch.path()).unwrap();
    let mut outputs = Files::new();
    if !project.findings.is_empty() {
        let drawn = render(&project.sources, &project.findings, Look::PLAIN);
        outputs.insert(format!("{name}.findings.txt"), drawn.into_bytes());
        return outputs;
    }
    let loaded = load(&project, scratch.path(), &[]).unwrap();
    let env = project.env.clone().unwrap_or_else(|| "default".to_owned());
    let checked = check(&project, &loaded, &env);
    let mut findings = checked.findings;
    let path = |file| loaded.sources.get(file).unwrap().path.as_str();
    findings.retain(|finding| case.is_folder || path(finding.span.file) != "routes/prelude.sfr");
    if !findings.is_empty() {
        let drawn = render(&loaded.sources, &findings, Look::PLAIN);
        outputs.insert(format!("{name}.findings.txt"), drawn.into_bytes());
    }
    if Tally::of(&findings).errors == 0 {
        let mut map = emit(&checked.program, &loaded.sources);
        let bytes = model_map::seal(&mut map).unwrap();
        assert_eq!(model_map::load(&bytes).map(|it| it.digest), Ok(map.digest), "{name}");
        outputs.insert(format!("{name}.map.json"), bytes);
    }
    outputs.extend(laid_out(name, case, &loaded));
    outputs
}

/// The files that `fmt` would change, as it would write them.
fn laid_out(name: &str, case: &Case, loaded: &Loaded) -> Files {
    let mut tidied = Files::new();
    for (file, tree) in loaded.files.iter().zip(&loaded.trees) {
        let source = loaded.sources.get(file.id).unwrap();
        let tidy = format(&source.text, tree).unwrap();
        if !file.is_utf8 || tidy == source.text {
            continue;
        }
        let path = match case.is_folder {
            true => format!("{name}.fmt/{}", source.path),
            false => format!("{name}.fmt.sfr"),
        };
        tidied.insert(path, tidy.into_bytes());
    }
    tidied
}

fn differences(written: &Files, expected: &Files) -> Vec<String> {
    let text = |bytes: Option<&Vec<u8>>| {
        bytes.map_or("(no file)\n".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let paths: std::collections::BTreeSet<_> = written.keys().chain(expected.keys()).collect();
    let differing = paths.into_iter().filter(|path| written.get(*path) != expected.get(*path));
    differing
        .map(|path| {
            let (old, new) = (text(written.get(path)), text(expected.get(path)));
            let diff = similar::TextDiff::from_lines(&old, &new);
            diff.unified_diff().header(path, "what is made of it now").to_string()
        })
        .collect()
}

fn update(folder: &Path, written: &Files, expected: &Files) {
    for path in written.keys().filter(|path| !expected.contains_key(*path)) {
        std::fs::remove_file(folder.join(path)).unwrap();
    }
    for (path, bytes) in expected {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Every file below a folder.
pub fn files_below(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
            files.insert(inside, std::fs::read(&path).unwrap());
        }
    }
    files
}
