//! Arms: their order, and that they cover every request.

use super::{checked, errors, load};
use crate::rules::PRELUDE;

fn of(arms: &[&str]) -> Vec<(String, String)> {
    errors(&format!(
        "client ci {{\n  key secret \"/ci\"\n}}\n\nrole coder {{\n  {}\n}}\n",
        arms.join("\n  ")
    ))
}

const A: &str = "route sonnet -> gpt";
const B: &str = "route gpt -> sonnet";

#[test]
fn a_request_that_no_arm_takes_is_named() {
    for (conditions, request) in [
        (&["image"][..], "a request with no image"),
        (&["not stream"], "a request with `stream`"),
        (&["tokens > 5"], "a request with 0 tokens"),
        (&["tokens < 5", "tokens > 5"], "a request with 5 tokens"),
        (&["max_tokens <= 5", "max_tokens > 5"], "a request with no `max_tokens`"),
        (&["client == ci"], "a request with no client"),
        (&["header \"x\" != \"a\""], "a request with the header `x: a`"),
        (&["image", "tools and tokens >= 1"], "a request with no image, no tools and 0 tokens"),
    ] {
        let arms: Vec<_> = conditions.iter().map(|when| format!("when {when} {A}")).collect();
        let arms: Vec<_> = arms.iter().map(String::as_str).collect();
        let expected = ((*arms.last().unwrap()).to_owned(), format!("no arm takes {request}"));
        assert_eq!(of(&arms), [expected], "{conditions:?}");
    }
}

#[test]
fn arms_that_cover_everything_need_no_otherwise() {
    for conditions in [
        &["stream", "not stream"][..],
        &["tokens < 5", "tokens >= 5"],
        &["header \"x\"", "not header \"x\""],
        &["client == ci", "client != ci"],
        &["image or tools", "not image", "not tools"],
        &["header \"x\" matches \"a*\"", "header \"x\" != \"a\""],
        &["messages >= 0"],
    ] {
        let arms: Vec<_> = conditions.iter().map(|when| format!("when {when} {A}")).collect();
        let arms: Vec<_> = arms.iter().map(String::as_str).collect();
        assert_eq!(of(&arms), [], "{conditions:?}");
    }
}

#[test]
fn what_takes_every_request_stands_last_and_once() {
    let image = format!("when image {A}");
    let otherwise = format!("otherwise {B}");
    let of_message = |arms: &[&str]| -> Vec<String> {
        of(arms).into_iter().map(|(text, message)| format!("{text}: {message}")).collect()
    };
    assert_eq!(of(&[&image, &otherwise]), []);
    assert_eq!(of(&[&image, B]), []);
    let last = [format!("{otherwise}: `otherwise` is not the last arm")];
    assert_eq!(of_message(&[&otherwise, &image, &image]), last);
    assert_eq!(of_message(&[B, &image]), [format!("{B}: `route` is not the last arm")]);
    let both = "this `otherwise` follows `route`, and both take every request";
    assert_eq!(of_message(&[A, &otherwise]), [format!("{otherwise}: {both}")]);
    let twice = format!("{otherwise}: `otherwise` is written twice");
    assert_eq!(of_message(&[&otherwise, &otherwise]), [twice]);
}

#[test]
fn roles_that_share_their_arms_share_the_finding() {
    let base = format!("role base {{\n  when image {A}\n}}\n\n");
    let text = format!("{base}role coder like base {{\n  system \"Hello.\"\n}}\n");
    assert_eq!(errors(&text).len(), 1);
}

#[test]
fn shares_are_parts_of_a_hundred() {
    for (draw, message) in [
        ("90% sonnet | 20% haiku", "the shares add up to 110%, not 100%"),
        ("50% sonnet", "the shares add up to 50%, not 100%"),
        ("50% sonnet | 40 haiku", "a share without `%`"),
        ("50% sonnet | lots haiku", "expected a share such as `90%`, and no `let` is named `lots`"),
        ("50% sonnet | 50% hiku", "no model is named `hiku`"),
    ] {
        let found = of(&[&format!("route {draw} -> gpt")]);
        let messages: Vec<_> = found.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(messages, [message], "{draw}");
    }
}

#[test]
fn the_arm_that_takes_every_request_is_moved_behind_the_others() {
    let text = format!("role coder {{\n  otherwise {A}\n  when image {B}\n  when tools {B}\n}}\n");
    let loaded = load(&[PRELUDE, &text]);
    let findings = checked(&loaded, "default").findings;
    let fix = findings.iter().find_map(|finding| finding.fix.clone()).unwrap();
    let mut mended = text;
    for edit in fix.edits.iter().rev() {
        mended.replace_range(edit.span.range(), &edit.text);
    }
    assert_eq!(
        mended,
        format!("role coder {{\n  when image {B}\n  when tools {B}\n  otherwise {A}\n}}\n")
    );
    assert_eq!(errors(&mended), []);
    // What else stands on the line would be lost.
    let text = format!("role coder {{\n  otherwise {A} # why\n  when image {B}\n}}\n");
    let findings = checked(&load(&[PRELUDE, &text]), "default").findings;
    assert!(findings.iter().all(|finding| finding.fix.is_none()));
}
