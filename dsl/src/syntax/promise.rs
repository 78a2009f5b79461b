//! What follows `ensure`.
//!
//! Owns the forms of promises; whether one holds is found out elsewhere.

use super::cursor::Cursor;
use super::fact::habit;
use super::pieces::Kind;
use super::problem::Problem;
use super::statement::{entries, name_list};
use super::tree::{Claim, Name, Subject};
use super::words::Place;
use crate::nearest::nearest;

/// How each promise begins.
const CLAIMS: [&str; 6] = ["survives", "ends", "costs", "uses", "never", "makes"];

/// `SUBJECT CLAIM`
pub(crate) fn ensure(place: Place, cursor: &mut Cursor) -> (Option<Subject>, Option<Claim>) {
    cursor.no_equals();
    let subject = subject(cursor);
    if subject.is_none() {
        while cursor.word().is_none_or(|word| !CLAIMS.contains(&word)) {
            if cursor.next().is_none() {
                return (None, None);
            }
        }
    }
    (subject, claim(place, cursor))
}

fn subject(cursor: &mut Cursor) -> Option<Subject> {
    let Some(piece) = cursor.peek() else {
        cursor.wanted("`every role` or `role NAME`");
        return None;
    };
    let start = cursor.span(piece);
    let claims = |cursor: &Cursor| {
        cursor.ahead(1).is_some_and(|next| CLAIMS.contains(&next.of(cursor.text)))
    };
    match cursor.word() {
        Some("role") if !claims(cursor) => {
            cursor.next();
            cursor.role_name().map(Subject::Role)
        }
        Some("every" | "each" | "all" | "any") if !claims(cursor) => {
            cursor.next();
            let role = cursor.take_word("role").or_else(|| cursor.take_word("roles"));
            let Some(role) = role else {
                cursor.wanted("`role`");
                return None;
            };
            let range = piece.range().start..role.range().end;
            if piece.of(cursor.text) != "every" || role.of(cursor.text) != "role" {
                habit(cursor, range, "every role", "every role".to_owned());
            }
            Some(Subject::EveryRole(cursor.since(start)))
        }
        // `ensure coder survives …`
        _ if matches!(piece.kind, Kind::Word | Kind::String) && claims(cursor) => {
            cursor.left_out("role");
            cursor.role_name().map(Subject::Role)
        }
        _ => {
            cursor.wanted("`every role` or `role NAME`");
            None
        }
    }
}

fn claim(place: Place, cursor: &mut Cursor) -> Option<Claim> {
    let Some(word) = cursor.word() else {
        cursor.wanted("a promise such as `survives loss of any provider`");
        return None;
    };
    match word {
        "survives" => survives(cursor),
        "ends" => {
            cursor.next();
            let reads = cursor.needs("within", &[Kind::Number]);
            reads.then(|| cursor.value("a duration"))?.map(Claim::EndsWithin)
        }
        "costs" => costs(place, cursor),
        "uses" => {
            cursor.next();
            let reads = cursor.needs("only", &[Kind::Word]);
            let names = reads.then(|| name_list(place, "a provider", None, cursor))?;
            (!names.is_empty()).then_some(Claim::UsesOnly(names))
        }
        "never" => never(cursor),
        "makes" => {
            cursor.next();
            at_most(cursor)?;
            let count = cursor.value("a number of attempts");
            cursor.needs("attempts", &[]);
            count.map(Claim::MakesAtMost)
        }
        _ => {
            unknown(cursor);
            None
        }
    }
}

fn unknown(cursor: &mut Cursor) {
    let Some(piece) = cursor.next() else { return };
    let written = piece.of(cursor.text).to_owned();
    let nearest = nearest(&written, CLAIMS);
    let quoted: Vec<_> = CLAIMS.iter().map(|word| format!("`{word}`")).collect();
    let known = quoted.join(", ");
    cursor.fail(Problem::Unknown { what: "promise", written, nearest, known }, piece.range());
    while cursor.next().is_some() {}
}

/// `survives loss of any provider`, `survives loss of PROVIDER`
fn survives(cursor: &mut Cursor) -> Option<Claim> {
    cursor.next();
    cursor.needs("loss", &[]).then_some(())?;
    cursor.needs("of", &[Kind::Word]).then_some(())?;
    let next = cursor.ahead(1).map(|piece| piece.of(cursor.text));
    match (cursor.word(), next) {
        (Some("any"), _) => {
            cursor.next();
            cursor.needs("provider", &[]).then_some(Claim::Survives(None))
        }
        (Some("every" | "each" | "a"), Some("provider")) => {
            let start = cursor.next()?;
            let end = cursor.next()?;
            let range = start.range().start..end.range().end;
            habit(cursor, range, "any provider", "any provider".to_owned());
            Some(Claim::Survives(None))
        }
        (Some("provider"), Some(name)) => {
            let mend = name.to_owned();
            let range = cursor.next()?.range().start..cursor.peek()?.range().end;
            let help = "a provider is named without the word";
            let why = "`provider` does not belong here";
            cursor.fail(Problem::Scalar { why, help, mend: Some(mend) }, range);
            cursor.name("a provider").map(|name| Claim::Survives(Some(name)))
        }
        _ => cursor
            .name("`any provider` or a provider's name")
            .map(|name| Claim::Survives(Some(name))),
    }
}

fn at_most(cursor: &mut Cursor) -> Option<()> {
    cursor.needs("at", &[]).then_some(())?;
    cursor.needs("most", &[Kind::Number]).then_some(())
}

/// `costs at most $X for tokens N, max_tokens M`
fn costs(place: Place, cursor: &mut Cursor) -> Option<Claim> {
    let start = cursor.next().map(|piece| cursor.span(piece))?;
    at_most(cursor)?;
    let amount = cursor.value("an amount such as `$0.05`");
    cursor.needs("for", &[Kind::Word]).then_some(())?;
    let for_request = entries(start, place, "a number of tokens", cursor).entries;
    amount.map(|amount| Claim::CostsAtMost { amount, for_request })
}

/// `never reaches MODEL [for client C]`
fn never(cursor: &mut Cursor) -> Option<Claim> {
    cursor.next();
    cursor.needs("reaches", &[]).then_some(())?;
    let model = cursor.name("a model");
    let client = client(cursor);
    model.map(|model| Claim::NeverReaches { model, client })
}

fn client(cursor: &mut Cursor) -> Option<Name> {
    cursor.take_word("for")?;
    cursor.needs("client", &[Kind::Word]).then_some(())?;
    cursor.name("a client")
}

#[cfg(test)]
mod tests;
