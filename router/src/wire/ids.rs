//! Ids of calls as each upstream takes them: a conversation goes on with a model that did not make
//! the ids in it.
//!
//! Owns which ids are taken, and those that stand for the others; where ids stand is each
//! protocol's.

use std::borrow::Cow;

use model_map::CallIds;

use super::made::{hash, is_plain, letters, made, short};
use crate::anthropic::quoted;
use crate::json::{self, Sought};

/// The most characters of an id in a chat with OpenAI.
const IN_CHAT: usize = 40;

/// The characters of an id at Mistral.
const AT_MISTRAL: usize = 9;

/// The same in OpenAI's Responses.
const IN_RESPONSE: usize = 64;

/// The same on Bedrock ("ToolUseBlock"); Anthropic tells no bound.
const ON_BEDROCK: usize = 64;

/// Behind this, servers keep what they have to know again of a call, Gemini's signature: an id that
/// is for whoever made it.
const SIGNED: &str = "__thought__";

/// An id in a chat whose server takes these, given and returned as JSON.
pub(crate) fn in_chat(raw: &str, taken: CallIds) -> Cow<'_, str> {
    match taken {
        CallIds::Any => shorter(raw, IN_CHAT),
        CallIds::Nine => nine(raw),
    }
}

/// What a server keeps in its ids is of no use to another one.
fn nine(raw: &str) -> Cow<'_, str> {
    match json::decode(raw) {
        Some(id) if !is_nine(&id) => Cow::Owned(quoted(&letters(&id, AT_MISTRAL))),
        _ => Cow::Borrowed(raw),
    }
}

fn is_nine(id: &str) -> bool {
    id.len() == AT_MISTRAL && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The same in Responses.
pub(crate) fn in_response(raw: &str) -> Cow<'_, str> {
    shorter(raw, IN_RESPONSE)
}

fn shorter(raw: &str, longest: usize) -> Cow<'_, str> {
    if raw.contains(SIGNED) { Cow::Borrowed(raw) } else { short(raw, longest) }
}

/// An id for Anthropic, where it is made of few characters.
pub(crate) fn for_anthropic(id: &str) -> Cow<'_, str> {
    if is_plain_id(id) { Cow::Borrowed(id) } else { Cow::Owned(made(id, ON_BEDROCK)) }
}

/// The same, as JSON.
pub(crate) fn raw_for_anthropic(raw: &str) -> Cow<'_, str> {
    match json::decode(raw) {
        Some(id) if !is_plain_id(&id) => Cow::Owned(quoted(&made(&id, ON_BEDROCK))),
        _ => Cow::Borrowed(raw),
    }
}

/// An id on Bedrock, as JSON: as for Anthropic, and short.
#[cfg(feature = "aws")]
pub(crate) fn on_bedrock(raw: &str) -> Cow<'_, str> {
    match raw_for_anthropic(raw) {
        Cow::Borrowed(raw) => short(raw, ON_BEDROCK),
        made => made,
    }
}

fn is_plain_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(is_plain)
}

/// What ids begin with that an answer lacks: no other answer's do. Neither the answer's own id nor
/// chance is asked alone, since servers number their answers and tests choose their chance.
pub(crate) fn salt(answer: &str, chance: u64) -> u64 {
    hash(answer) ^ chance
}

/// Whether any value of `key`, given with its quotes, may be none that a chat's server takes.
pub(crate) fn any_other_in_chat(text: &str, key: &Sought, taken: CallIds) -> bool {
    any(text, key, |inner| match taken {
        CallIds::Any => inner.len() > IN_CHAT,
        CallIds::Nine => !is_nine(inner),
    })
}

/// Whether any may be longer than Responses take.
pub(crate) fn any_long_in_response(text: &str, key: &Sought) -> bool {
    any(text, key, |inner| inner.len() > IN_RESPONSE)
}

/// Whether any value of `key` may be none of Anthropic's.
pub(crate) fn any_odd(text: &str, key: &Sought) -> bool {
    any(text, key, |inner| !is_plain_id(inner))
}

/// A quick look, since inside of strings a quote has a backslash before it.
fn any(text: &str, key: &Sought, is_odd: impl Fn(&str) -> bool) -> bool {
    key.rests(text).any(|rest| {
        let rest = rest.trim_ascii_start().strip_prefix(':').unwrap_or_default().trim_ascii_start();
        let value = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
        value.is_some_and(|inner| inner.ends_with('\\') || is_odd(inner))
    })
}

/// An object with some of its values changed: `change` gets each key, as it is read, and its value.
pub(crate) fn changed<'o>(
    object: &'o str,
    change: impl Fn(&str, &'o str) -> Option<Cow<'o, str>>,
) -> Option<String> {
    let mut is_changed = false;
    let members = json::object(object).ok()?.into_iter().map(|member| {
        let [key, value] = [member.key, member.value].map(|it| object.get(it).unwrap_or_default());
        let new = change(&json::decode(key).unwrap_or_default(), value);
        is_changed |= new.as_deref().is_some_and(|new| new != value);
        format!("{key}:{}", new.as_deref().unwrap_or(value))
    });
    let members: Vec<String> = members.collect();
    is_changed.then(|| format!("{{{}}}", members.join(",")))
}

/// A list with some of its elements changed.
pub(crate) fn changed_list(list: &str, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut is_changed = false;
    let elements = json::array(list).ok()?.into_iter().map(|place| {
        let element = list.get(place).unwrap_or_default();
        let new = change(element);
        is_changed |= new.is_some();
        new.map_or(Cow::Borrowed(element), Cow::Owned)
    });
    let elements: Vec<Cow<'_, str>> = elements.collect();
    is_changed.then(|| format!("[{}]", elements.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mended_stays_apart() {
        for fine in ["call_1", "toolu_01A-b", &"x".repeat(200)] {
            assert_eq!(for_anthropic(fine), fine);
            assert_eq!(raw_for_anthropic(&quoted(fine)), quoted(fine));
        }
        let mended = ["call:1", "call/1", "call.1", "functions.f:0", "", "é"].map(for_anthropic);
        for (place, id) in mended.iter().enumerate() {
            assert!(is_plain_id(id) && id.len() <= ON_BEDROCK, "{id}");
            assert!(!mended.iter().skip(place + 1).any(|other| other == id), "{mended:?}");
        }
        assert_eq!(raw_for_anthropic("\"call:1\""), quoted(&for_anthropic("call:1")));
        assert_eq!(raw_for_anthropic(r#""call\u003a1""#), quoted(&for_anthropic("call:1")));
    }

    #[test]
    fn ids_are_as_long_as_each_takes() {
        let long = |length: usize| quoted(&"c".repeat(length));
        let in_chat = |raw: &str| in_chat(raw, CallIds::Any).into_owned();
        assert_eq!([in_chat(&long(40)).into(), in_response(&long(64))], [long(40), long(64)]);
        assert_eq!(json::decode(&in_chat(&long(41))).expect("a text").len(), 40);
        assert_eq!(json::decode(&in_response(&long(65))).expect("a text").len(), 64);
        let signed = quoted(&format!("call_1__thought__{}", "s".repeat(1000)));
        assert_eq!(in_chat(&signed), signed);
        #[cfg(feature = "aws")]
        {
            assert_eq!(on_bedrock(&long(64)), long(64));
            assert_eq!(json::decode(&on_bedrock(&long(65))).expect("a text").len(), 64);
            assert_eq!(on_bedrock("\"a:b\""), raw_for_anthropic("\"a:b\""));
        }
    }

    #[test]
    fn ids_for_mistral_are_nine_letters_or_digits_whoever_made_them() {
        let of = |raw: &str| in_chat(raw, CallIds::Nine).into_owned();
        for own in ["\"D681PevKs\"", "\"000000001\"", r#""D681\u0050evKs""#, "null", "5"] {
            assert_eq!(of(own), own, "it stays byte for byte");
        }
        let signed = format!("\"call_1__thought__{}\"", "s".repeat(1000));
        let others =
            ["\"\"", "\"call_1\"", "\"call_2\"", "\"toolu_01A\"", "\"ééé\"", "\"a\\\"b\"", &signed];
        let mended = others.map(of);
        for (place, raw) in mended.iter().enumerate() {
            assert!(is_nine(&json::decode(raw).expect("a text")), "{raw}");
            assert!(!mended.iter().skip(place + 1).any(|other| other == raw), "{mended:?}");
            assert_eq!(of(raw), *raw, "once is enough");
        }
        assert_eq!(of(r#""call\u005f1""#), of("\"call_1\""), "however it is written");
    }

    #[test]
    fn a_look_finds_what_may_have_to_be_changed() {
        static USE: Sought = Sought::new("\"tool_use_id\"");
        static CALL: Sought = Sought::new("\"tool_call_id\"");
        assert!(!any_odd(r#"[{"tool_use_id":"a-1"},{"x":"\"tool_use_id\":\"a:1\""}]"#, &USE));
        assert!(any_odd(r#"[{"tool_use_id":"a-1"},{"tool_use_id" : "a:1"}]"#, &USE));
        assert!(any_odd(r#"{"tool_use_id":"a\"b"}"#, &USE));
        let list = |id: usize| format!(r#"[{{"tool_call_id":"{}"}}]"#, "c".repeat(id));
        assert!(!any_other_in_chat(&list(40), &CALL, CallIds::Any));
        assert!(any_other_in_chat(&list(41), &CALL, CallIds::Any));
        assert!(!any_other_in_chat(&list(9), &CALL, CallIds::Nine));
        for length in [0, 8, 10] {
            assert!(any_other_in_chat(&list(length), &CALL, CallIds::Nine));
        }
        let odd = r#"[{"tool_call_id":"ccccccccc"},{"tool_call_id":"call_1234"}]"#;
        assert!(any_other_in_chat(odd, &CALL, CallIds::Nine));
        assert!(!any_long_in_response(&list(64), &CALL));
        assert!(any_long_in_response(&list(65), &CALL));
    }

    #[test]
    fn nothing_but_what_changes_is_written_anew() {
        let change = |object: &str| {
            changed(object, |key, value| (key == "id").then(|| raw_for_anthropic(value)))
        };
        assert_eq!(change(r#"{"id":"a","x":1}"#), None);
        let expected = format!(r#"{{"x": [1],"id":{}}}"#, raw_for_anthropic("\"a:1\""));
        assert_eq!(
            change(r#"{"x" : [1], "id":"a:1"}"#).expect("it").replace("\"x\":", "\"x\": "),
            expected
        );
        assert_eq!(changed_list(r#"[{"id":"a"}]"#, change), None);
        let list = changed_list(r#"[{"id":"a:1"}, {"id":"b"}]"#, change).expect("it");
        assert!(list.ends_with(r#",{"id":"b"}]"#) && list.contains("_sfai_"), "{list}");
    }
}
