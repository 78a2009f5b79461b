//! The bill of materials of a function, as CycloneDX 1.6.
//!
//! Owns the document; which crates there are, and with which features, is what cargo said when it
//! built them. Written here, since the tools that exist ask cargo for a whole workspace, whose
//! features are not those of one package. It holds neither time nor random number: one build, one
//! bill.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use super::build::{Built, Compiled, PACKAGE};
use crate::trouble::{Doing, Trouble};

/// What `cargo metadata` tells.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// None for one of the program itself; else `build` or `dev`.
    kind: Option<String>,
}

/// The checksums of the lock file, by name and version.
type Checksums = BTreeMap<(String, String), String>;

/// Writes the bill of a function.
///
/// # Errors
/// When cargo does not tell, or a crate was compiled that it does not know.
pub(super) fn write(top: &Path, built: &Built, program: &[u8]) -> Result<String, Trouble> {
    let metadata = metadata(top, &built.target)?;
    let checksums = checksums(top)?;
    let bill = bill(&metadata, &checksums, built, &super::archive::sha256(program))?;
    let text = serde_json::to_string_pretty(&bill).doing("write the bill of materials")?;
    Ok(text + "\n")
}

fn metadata(top: &Path, target: &str) -> Result<Metadata, Trouble> {
    let doing = "ask cargo for the crates";
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target])
        .current_dir(top)
        .output()
        .doing(doing)?;
    if !output.status.success() {
        return Err(Trouble::new(doing, String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).doing(doing)
}

fn checksums(top: &Path) -> Result<Checksums, Trouble> {
    let doing = "read Cargo.lock";
    let lock: toml::Table =
        fs::read_to_string(top.join("Cargo.lock")).doing(doing)?.parse().doing(doing)?;
    let packages = lock.get("package").and_then(toml::Value::as_array).doing(doing)?;
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let entry = |it| Some(((text(it, "name")?, text(it, "version")?), text(it, "checksum")?));
    Ok(packages.iter().filter_map(entry).collect())
}

fn bill(
    metadata: &Metadata,
    checksums: &Checksums,
    built: &Built,
    hash: &str,
) -> Result<Value, Trouble> {
    let known: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (&*package.id, package)).collect();
    let mut components = BTreeMap::new();
    let mut function = Value::Null;
    for (id, compiled) in &built.crates {
        let package = known.get(&**id).doing(format!("find {id} in what cargo tells"))?;
        let checksum = checksums.get(&(package.name.clone(), package.version.clone()));
        let component = component(package, compiled, checksum.map(String::as_str));
        if package.name == PACKAGE {
            function = self::function(component, hash, &built.target);
        } else {
            components.insert(reference(package), component);
        }
    }
    let names = |id: &str| known.get(id).map(|package| reference(package));
    let nodes = metadata.resolve.nodes.iter().filter(|node| built.crates.contains_key(&node.id));
    let dependencies: BTreeMap<_, _> = nodes
        .filter_map(|node| {
            let on = node.deps.iter().filter(|it| it.is_compiled(built));
            let on: BTreeSet<_> = on.filter_map(|it| names(&it.pkg)).collect();
            Some((names(&node.id)?, on))
        })
        .collect();
    let dependencies: Vec<_> =
        dependencies.iter().map(|(of, on)| json!({"ref": of, "dependsOn": on})).collect();
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": function},
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies,
    }))
}

impl Dependency {
    /// Whether it was compiled for the function, and not for the tests of something.
    fn is_compiled(&self, built: &Built) -> bool {
        let for_tests = self.dep_kinds.iter().all(|it| it.kind.as_deref() == Some("dev"));
        !for_tests && built.crates.contains_key(&self.pkg)
    }
}

/// The name of a crate in all bills: its package URL.
fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn component(package: &Package, compiled: &Compiled, checksum: Option<&str>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        "purl": reference(package),
        // Excluded is what built the function and is not in it.
        "scope": if compiled.shipped { "required" } else { "excluded" },
    });
    let mut put = |key: &str, value: Value| {
        if let Some(fields) = component.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
    };
    if let Some(license) = &package.license {
        // The old way to write "or", which is no SPDX expression.
        put("licenses", json!([{"expression": license.replace('/', " OR ")}]));
    }
    if let Some(checksum) = checksum {
        put("hashes", json!([{"alg": "SHA-256", "content": checksum}]));
    }
    if let Some(repository) = &package.repository {
        put("externalReferences", json!([{"type": "vcs", "url": repository}]));
    }
    if !compiled.features.is_empty() {
        let features = compiled.features.join(" ");
        put("properties", json!([{"name": "cargo:features", "value": features}]));
    }
    component
}

/// The function is the router's crate, as a program with a hash of its own.
fn function(mut component: Value, hash: &str, target: &str) -> Value {
    if let Some(fields) = component.as_object_mut() {
        fields.insert("type".to_owned(), "application".into());
        fields.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": hash}]));
        fields.remove("scope");
        let properties = fields.entry("properties").or_insert_with(|| json!([]));
        if let Some(properties) = properties.as_array_mut() {
            properties.push(json!({"name": "cargo:target", "value": target}));
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn package(name: &str, license: &str) -> Value {
        json!({"id": format!("id of {name}"), "name": name, "version": "1.0.0", "license": license,
               "repository": format!("https://example.com/{name}")})
    }

    fn compiled(features: &[&str], shipped: bool) -> Compiled {
        Compiled { features: features.iter().map(|&it| it.to_owned()).collect(), shipped }
    }

    fn metadata() -> Metadata {
        let dep = |name: &str, kind: Value| json!({"name": name, "pkg": format!("id of {name}"), "dep_kinds": [{"kind": kind}]});
        let on = [
            dep("bytes", Value::Null),
            dep("cc", "build".into()),
            dep("proptest", "dev".into()),
            dep("notify", Value::Null),
        ];
        let names = ["sfai-router", "bytes", "cc", "proptest", "notify"];
        serde_json::from_value(json!({
            "packages": names.map(|name| package(name, "MIT/Apache-2.0")),
            "resolve": {"nodes": [
                {"id": "id of sfai-router", "deps": on},
                {"id": "id of bytes", "deps": []},
                {"id": "id of notify", "deps": []},
            ]},
        }))
        .unwrap()
    }

    fn built() -> Built {
        let crates = [
            ("id of sfai-router", compiled(&["aws"], true)),
            ("id of bytes", compiled(&["default", "std"], true)),
            ("id of cc", compiled(&[], false)),
        ];
        Built {
            program: PathBuf::new(),
            target: "x".to_owned(),
            crates: crates.into_iter().map(|(id, it)| (id.to_owned(), it)).collect(),
        }
    }

    #[test]
    fn the_bill_lists_what_was_compiled_and_nothing_else() {
        let checksums = [(("bytes".to_owned(), "1.0.0".to_owned()), "ab12".to_owned())].into();
        let found = bill(&metadata(), &checksums, &built(), "cd34").unwrap();
        let vcs =
            |name: &str| json!([{"type": "vcs", "url": format!("https://example.com/{name}")}]);
        let licenses = json!([{"expression": "MIT OR Apache-2.0"}]);
        let purl = |name: &str| format!("pkg:cargo/{name}@1.0.0");
        assert_eq!(
            found["components"],
            json!([
                {"type": "library", "bom-ref": purl("bytes"), "purl": purl("bytes"), "name": "bytes",
                 "version": "1.0.0", "scope": "required", "licenses": licenses,
                 "hashes": [{"alg": "SHA-256", "content": "ab12"}], "externalReferences": vcs("bytes"),
                 "properties": [{"name": "cargo:features", "value": "default std"}]},
                {"type": "library", "bom-ref": purl("cc"), "purl": purl("cc"), "name": "cc",
                 "version": "1.0.0", "scope": "excluded", "licenses": licenses,
                 "externalReferences": vcs("cc")},
            ])
        );
        assert_eq!(found["metadata"]["component"]["hashes"][0]["content"], "cd34");
        assert_eq!(found["metadata"]["component"]["type"], "application");
        assert_eq!(
            found["dependencies"],
            json!([
                {"ref": purl("bytes"), "dependsOn": []},
                {"ref": purl("sfai-router"), "dependsOn": [purl("bytes"), purl("cc")]},
            ])
        );
    }

    #[test]
    fn a_crate_that_nobody_knows_is_told() {
        let mut built = built();
        built.crates.insert("id of nobody".to_owned(), compiled(&[], true));
        let why = bill(&metadata(), &Checksums::new(), &built, "").unwrap_err().to_string();
        assert_eq!(why, "cannot find id of nobody in what cargo tells: there is none");
    }
}
