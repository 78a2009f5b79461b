//! Tests over whole files: what is broken in one place hides nothing in the others.

use super::testing::findings;

/// Each line that ends in `# !` and what is said of it is broken; no other is.
const PLANTED: &str = r#"client ci {
  key "x"  # ! expected `secret "NAME"` or `env "NAME"`, found a string
  allow a b  # ! `,` is missing between `a` and `b`
}

role a {
  when image && tools route b -> c  # ! `&&` is written `and` here
  when json {
    set temperature 1
    retry 2  # ! `retry` does not belong into a block of `when`
    sytem "x"  # ! unknown statement `sytem`
  }
  when (tokens > 5 route b  # ! this `(` is not closed
  otherwise {  # ! `otherwise` guards only a `route`
    set temperature 1
  }
  route b -> 5% c  # ! no share or `|` belongs after `->`
  hedge 5s  # ! `after` is missing before `5s`
  strict
}

ensure all roles ends within 5s  # ! `all roles` is written `every role` here
ensure role a ends in 5s  # ! expected `within`, found `in`

test "x" {
  ask a image  # ! `with` is missing before `image`
  given b 529  # ! `answers` is missing before `529`
  expect success  # ! unknown expectation `success`
  expect attempts 3
}

env dev {
  role a {
    route 90% b | c  # ! a link beside `|` has no share
  }
  client ci {
    budget $5 day  # ! `per` is missing before `day`
  }
}
"#;

#[test]
fn each_mistake_has_one_finding_on_its_own_line() {
    let expected: Vec<_> = PLANTED
        .lines()
        .enumerate()
        .filter_map(|(line, text)| Some((line, text.split_once("# ! ")?.1.to_owned())))
        .collect();
    let found = super::parse(crate::span::FileId(0), PLANTED).diagnostics;
    let line = |at: usize| PLANTED.get(..at).unwrap().matches('\n').count();
    let found: Vec<_> =
        found.into_iter().map(|found| (line(found.span.range().start), found.message)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_block_that_is_never_closed_hides_nothing_after_it() {
    let text = "role a {\n  when image {\n    set a 1\n  route b\n\nrole c {\n  rotue d\n}\n";
    let messages: Vec<_> = findings(text).into_iter().map(|(_, message)| message).collect();
    assert!(messages.contains(&"unknown statement `rotue`".to_owned()), "{messages:?}");
    assert!(messages.iter().any(|message| message.contains("is not closed")), "{messages:?}");
}
