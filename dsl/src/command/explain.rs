//! `sfai-dsl explain`.
//!
//! Owns how a request is described on the command line; what is made of it is in
//! [`crate::explain`].

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use model_map::{Draw, ModelMap, RequestFacts, prompt_tokens};

use super::look::look_on;
use super::{Compiled, CouldNotRun, Exit, compiled, open, print};
use crate::explain::request::Request;
use crate::explain::{explain, rule};
use crate::nearest::nearest;
use crate::render::explain::{human, json, page, rule_json};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// A rule (`SFR014` or its name), or a role; of a name that is both, the rule
    what: String,
    /// For a role: files and folders; the project's folder when there is none
    paths: Vec<PathBuf>,
    /// For a role: the environment
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    asked: Asked,
}

/// The request that a role is asked about; a plain one where nothing is said.
#[derive(Debug, Args)]
#[group(skip)]
struct Asked {
    /// A Chat Completions request as JSON; `-` reads stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "tokens", "max_tokens", "messages", "image", "tools", "json", "stream", "metadata",
    ])]
    request: Option<PathBuf>,
    /// Its estimated input, the role's own prompt included, as conditions count it
    #[arg(long, value_name = "N", value_parser = whole)]
    tokens: Option<u64>,
    /// The output limit that it sets
    #[arg(long, value_name = "N", value_parser = whole)]
    max_tokens: Option<u64>,
    /// How many messages it has
    #[arg(long, value_name = "N", value_parser = whole, default_value = "1")]
    messages: u64,
    /// It has an image
    #[arg(long)]
    image: bool,
    /// It has tools
    #[arg(long)]
    tools: bool,
    /// It asks for JSON
    #[arg(long)]
    json: bool,
    /// It is streamed
    #[arg(long)]
    stream: bool,
    /// Who asks
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// A header of it: `x-team: search`
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// A value of its metadata: `team=search`
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
}

/// `1_203`, as the language writes it, or `1203`.
fn whole(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    digits.parse().map_err(|_| "not a whole number".to_owned())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `name: value`")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as `key=value`")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn run(options: &Options) -> Result<Exit, CouldNotRun> {
    if let Some(rule) = rule::find(&options.what) {
        print(match options.format {
            Format::Human => page(rule, look_on(&std::io::stdout())),
            Format::Json => rule_json(rule)?,
        });
        return Ok(Exit::Clean);
    }
    let opened = open(&options.paths)?;
    let Some(compiled) = compiled(&opened, options.env.as_deref())? else {
        return Ok(Exit::Findings);
    };
    let (facts, draw) = options.asked.request(&compiled, &options.what)?;
    let Compiled { program, map } = &compiled;
    let explained = explain(program, map, &options.what, &facts, draw)
        .ok_or_else(|| unknown(map, &options.what))?;
    let sources = &opened.loaded.sources;
    print(match options.format {
        Format::Human => human(sources, &explained),
        Format::Json => json(sources, &explained)?,
    });
    Ok(Exit::Clean)
}

fn unknown(map: &ModelMap, what: &str) -> CouldNotRun {
    let roles = map.roles.keys().map(String::as_str);
    let rules = crate::rules::RULES.iter().flat_map(|rule| [rule.code.0, rule.name]);
    let near = nearest(what, roles.chain(rules));
    let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    CouldNotRun(format!("`{what}` is neither a rule nor a role of this program{help}"))
}

impl Asked {
    /// The request without the role's own prompt, and the draw of its conversation if it has one.
    fn request(
        &self,
        compiled: &Compiled,
        role: &str,
    ) -> Result<(RequestFacts, Option<Draw>), CouldNotRun> {
        let client = self.client.as_deref();
        let known = compiled.program.clients.keys().map(String::as_str);
        if let Some(client) = client.filter(|it| !compiled.program.clients.contains_key(*it)) {
            let near = nearest(client, known);
            let help = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(CouldNotRun(format!("no client is called `{client}`{help}")));
        }
        let (facts, draw) = match &self.request {
            Some(path) => {
                let request = read(path)?;
                (request.facts.clone(), Some(request.draw(client)))
            }
            None => (self.described(&compiled.map, role), None),
        };
        let headers = self.header.iter().cloned().collect();
        Ok((RequestFacts { client: self.client.clone(), headers, ..facts }, draw))
    }

    fn described(&self, map: &ModelMap, role: &str) -> RequestFacts {
        let prompt = map.roles.get(role).map_or(0, |role| prompt_tokens(map, role));
        RequestFacts {
            image: self.image,
            json: self.json,
            max_tokens: self.max_tokens,
            messages: self.messages,
            metadata: self.metadata.iter().cloned().collect(),
            stream: self.stream,
            tokens: self.tokens.map_or(0, |tokens| tokens.saturating_sub(prompt)),
            tools: self.tools,
            ..RequestFacts::default()
        }
    }
}

fn read(path: &Path) -> Result<Request, CouldNotRun> {
    let is_stdin = path.as_os_str() == "-";
    let shown = if is_stdin { "on stdin".to_owned() } else { format!("in `{}`", path.display()) };
    let mut body = Vec::new();
    let read = match is_stdin {
        true => std::io::stdin().lock().read_to_end(&mut body).map(|_| ()),
        false => std::fs::read(path).map(|bytes| body = bytes),
    };
    read.map_err(|error| CouldNotRun(format!("the request {shown} cannot be read: {error}")))?;
    Request::read(&body)
        .map_err(|error| CouldNotRun(format!("the request {shown} is no JSON object: {error}")))
}
