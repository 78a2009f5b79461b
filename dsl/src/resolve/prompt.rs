//! Prompts: their texts, from here or from a file.
//!
//! Owns which text a prompt has; files are read by [`super::prompt_files`].

use std::sync::Arc;

use super::Resolver;
use crate::rules::{prompt_file, secret};
use crate::syntax::tree::{Prompt, PromptBody, Value};

impl<'t> Resolver<'t> {
    /// Reads every prompt.
    pub(super) fn read_prompts(&mut self) {
        let prompts = std::mem::take(&mut self.names_mut().view.prompts);
        for (name, declared) in &prompts {
            let text = self.prompt(declared);
            self.names_mut().prompts.insert(name, text);
        }
        self.names_mut().view.prompts = prompts;
    }

    fn prompt(&mut self, declared: &'t Prompt) -> Option<Arc<str>> {
        match declared.body.as_ref()? {
            PromptBody::Text(value) => self.text(Some(value)),
            PromptBody::File { path, .. } => self.prompt_of_file(path.as_ref()?),
        }
    }

    fn prompt_of_file(&mut self, value: &'t Value) -> Option<Arc<str>> {
        let path = self.text(Some(value))?;
        let by = self.names.input.files.iter().find(|file| file.id == value.span.file)?;
        let finding = match self.names.input.prompt_files.text(by, &path) {
            Ok(text) => match secret::in_prompt_file(&path, &text, value.span) {
                None => return Some(text),
                Some(finding) => finding,
            },
            Err(problem) => prompt_file::finding(&path, &problem, value.span),
        };
        self.findings.push(finding);
        None
    }
}
