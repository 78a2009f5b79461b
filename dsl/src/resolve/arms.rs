//! The arms of a role: `route`, `when … route`, `otherwise`.
//!
//! Owns their reading and their order; whether they cover every request is for a rule.

use std::sync::Arc;

use super::Resolver;
use super::view::Space;
use crate::program::{Arm, Arms, Link, Share, When};
use crate::rules::{arm_order, duplicate, shares};
use crate::span::Span;
use crate::syntax::tree::{self, Otherwise, Route, Weighted};

/// The arms of one block, as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct ArmReader {
    arms: Vec<Arm>,
    /// The arm that takes every request: its keyword and place.
    last: Option<(&'static str, Span)>,
    is_written: bool,
    is_broken: bool,
    /// What is wrong with the order has been found.
    is_found: bool,
    /// Which finding says that the arm which takes every request is not last.
    misplaced: Option<usize>,
    /// The last arm of any kind.
    end: Option<Span>,
}

impl ArmReader {
    /// The arms; none if none is written. With what `may_route` and could not be read, these are not
    /// all.
    pub(super) fn finish(mut self, may_route: bool) -> Option<Arc<Arms>> {
        self.arms.shrink_to_fit();
        let is_whole = !self.is_broken && !may_route && self.arms.iter().all(|arm| arm.is_whole);
        self.is_written.then(|| Arc::new(Arms { arms: self.arms, is_whole }))
    }

    fn push(&mut self, arm: Option<Arm>) {
        self.is_written = true;
        self.is_broken |= arm.is_none();
        self.arms.extend(arm);
    }
}

impl<'t> Resolver<'t> {
    /// Reads a `route` of its own.
    pub(super) fn bare_route(&mut self, node: &'t Route, to: &mut ArmReader) {
        let arm = self.arm(node.span, node);
        self.find_order("route", node.span, to);
        to.push(arm);
    }

    /// Reads an `otherwise`.
    pub(super) fn otherwise(&mut self, node: &'t Otherwise, to: &mut ArmReader) {
        let arm = node.route.as_ref().and_then(|route| self.arm(node.span, route));
        self.find_order("otherwise", node.span, to);
        to.push(arm);
    }

    /// Reads a `when … route`.
    pub(super) fn when_route(
        &mut self,
        node: &'t tree::When,
        route: Option<&'t Route>,
        to: &mut ArmReader,
    ) {
        let condition = self.condition(&node.condition);
        let arm = route.and_then(|route| self.arm(node.span, route));
        self.find_order("when", node.span, to);
        let when = condition.map(|condition| When { span: node.condition.span(), condition });
        to.push(when.zip(arm).map(|(when, arm)| Arm { when: Some(when), ..arm }));
    }

    /// Nothing is left for an arm after one that takes every request.
    fn find_order(&mut self, keyword: &'static str, span: Span, to: &mut ArmReader) {
        match to.last {
            Some((first, at)) if first == keyword => {
                self.findings.push(duplicate::statement(keyword, at, span));
                (to.is_broken, to.is_found, to.misplaced) = (true, true, None);
            }
            // Of several arms after it the first is enough.
            Some((first, at)) if !to.is_found => {
                to.misplaced = (keyword == "when").then_some(self.findings.len());
                self.findings.push(arm_order::finding(first, at, keyword, span));
                (to.is_broken, to.is_found) = (true, true);
            }
            None if keyword != "when" => to.last = Some((keyword, span)),
            // A second one after all: moving the first is not enough.
            Some(_) if keyword != "when" => to.misplaced = None,
            _ => {}
        }
        to.end = Some(span);
    }

    /// Offers to move the arm that takes every request behind the others.
    pub(super) fn mend_order(&mut self, arms: &ArmReader) {
        let (Some(at), Some((_, first)), Some(end)) = (arms.misplaced, arms.last, arms.end) else {
            return;
        };
        let text = self.names.input.sources.get(first.file).map_or("", |file| file.text.as_str());
        if let Some(finding) = self.findings.get_mut(at) {
            finding.fix = arm_order::moved(text, first, end);
        }
    }

    /// An arm without its condition; none if nothing of its route can be read.
    fn arm(&mut self, span: Span, node: &'t Route) -> Option<Arm> {
        if node.draw.is_empty() && node.chain.is_empty() {
            return None;
        }
        let draw: Vec<_> = node.draw.iter().map(|weighted| self.share(weighted)).collect();
        let chain: Vec<_> = node.chain.iter().map(|link| self.link(link)).collect();
        let percents: Option<Vec<u32>> = draw.iter().map(|(percent, _)| *percent).collect();
        let adds_up = percents.is_some_and(|percents| self.find_sum(node, &percents));
        let has_links = draw.iter().all(|(_, link)| link.is_some());
        let is_whole = adds_up && has_links && chain.iter().all(Option::is_some);
        let shares = draw.into_iter().zip(&node.draw).filter_map(|((percent, link), weighted)| {
            Some(Share { span: weighted.span, percent: percent?, link: link? })
        });
        let draw = shares.collect();
        let chain = chain.into_iter().flatten().collect();
        Some(without_lone_share(Arm { span, route: node.span, when: None, draw, chain, is_whole }))
    }

    fn share(&mut self, node: &'t Weighted) -> (Option<u32>, Option<Link>) {
        if let Some(model) = self.model_before_share(node) {
            let share = node.link.model.text.as_str();
            self.use_name(Space::Model, model);
            self.use_name(Space::Let, share);
            self.findings.push(shares::late(model, share, node.span));
            return (None, None);
        }
        (self.percent(node.share.as_ref()), self.link(&node.link))
    }

    /// The word before the link, where that is the model and what stands in the link's place the
    /// constant with its share.
    fn model_before_share(&self, node: &'t Weighted) -> Option<&'t str> {
        let view = &self.names.view;
        let first = node.share.as_ref().and_then(|value| value.ident())?;
        let is_model = view.knows(Space::Model, first) && !view.knows(Space::Let, first);
        let second = node.link.model.text.as_str();
        let is_share = view.knows(Space::Let, second) && !view.knows(Space::Model, second);
        (is_model && is_share).then_some(first)
    }

    /// Whether the shares of a draw add up to the whole; nothing drawn does.
    fn find_sum(&mut self, node: &Route, percents: &[u32]) -> bool {
        let (Some(first), Some(last)) = (node.draw.first(), node.draw.last()) else { return true };
        let sum: u64 = percents.iter().map(|percent| u64::from(*percent)).sum();
        if sum != 100 {
            self.findings.push(shares::finding(first.span.to(last.span), sum));
        }
        sum == 100
    }

    fn link(&mut self, link: &'t tree::Link) -> Option<Link> {
        let name = &link.model;
        if !self.find_declared(Space::Model, name) {
            return None;
        }
        let model = Arc::clone(self.names.models.get(name.text.as_str())?);
        Some(Link { span: link.span, model })
    }
}

/// A draw of one is none: its link is the first of the chain.
fn without_lone_share(mut arm: Arm) -> Arm {
    if arm.draw.len() == 1 && arm.is_whole {
        let first = arm.draw.pop().map(|share| share.link);
        arm.chain.splice(0..0, first);
    }
    arm
}
