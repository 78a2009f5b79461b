//! A store in a folder, its races and what a killed writer leaves.

use std::thread;

use super::*;

fn digest(digit: &str) -> Digest {
    Digest::parse(&digit.repeat(64)).unwrap()
}

fn map(digit: &str) -> Vec<u8> {
    format!("{{\"digest\": \"{}\"}}", digest(digit)).into_bytes()
}

fn note(did: Did, digit: &str, by: &str) -> Note {
    Note {
        did,
        digest: digest(digit).to_string(),
        at: "2026-11-25T10:00:00Z".into(),
        by: by.into(),
        commit: None,
        env: "dev".into(),
        roles: 1,
        before: Vec::new(),
    }
}

fn scratch() -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path().join("not/there/yet"));
    (folder, store)
}

#[test]
fn nothing_is_there_and_nothing_is_made_by_reading() {
    let (_scratch, store) = scratch();
    assert_eq!(store.live(), Ok(None));
    assert_eq!(store.listed(""), Ok(Vec::new()));
    assert_eq!(store.version(&digest("a")), Ok(None));
    assert!(!store.root.exists());
}

#[test]
fn a_version_is_kept_once_with_its_note() {
    let (_scratch, store) = scratch();
    let (a, first) = (digest("a"), note(Did::Store, "a", "ann"));
    assert_eq!(store.keep(&a, b"one", &first), Ok(Kept::Stored));
    assert_eq!(store.keep(&a, b"two", &note(Did::Store, "a", "bob")), Ok(Kept::WasThere));
    assert_eq!(store.version(&a).unwrap().unwrap(), b"one");
    assert_eq!(store.notes(&[digest("b"), a.clone()]), Ok(vec![None, Some(first)]));
    // What is no version is not listed.
    fs::write(store.path(VERSIONS).join("readme.json"), "").unwrap();
    let listed = store.listed("").unwrap();
    assert!(listed[0].written.is_some());
    assert_eq!(listed.into_iter().map(|it| it.digest).collect::<Vec<_>>(), [a]);
    assert_eq!(store.listed("b"), Ok(Vec::new()));
}

#[test]
fn a_move_needs_what_it_has_seen() {
    let (_scratch, store) = scratch();
    let push = |digit: &str| (map(digit), note(Did::Push, digit, "ann"));
    let (a, of_a) = push("a");
    assert_eq!(store.move_live(None, &a, &of_a), Ok(Moved::Moved));
    let seen = store.live().unwrap().unwrap();
    assert_eq!((&seen.bytes, seen.note.as_ref()), (&a, Some(&of_a)));
    let (b, of_b) = push("b");
    assert_eq!(store.move_live(None, &b, &of_b), Ok(Moved::Lost));
    assert_eq!(store.move_live(Some(&seen), &b, &of_b), Ok(Moved::Moved));
    assert_eq!(store.move_live(Some(&seen), &a, &of_a), Ok(Moved::Lost));
    assert_eq!(store.live().unwrap().unwrap().bytes, b);
}

#[test]
fn of_many_that_move_at_once_one_wins() {
    let (_scratch, store) = scratch();
    store.move_live(None, &map("0"), &note(Did::Push, "0", "ann")).unwrap();
    let seen = store.live().unwrap();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let racer = |digit: u32| {
            let digit = format!("{digit:x}");
            store.move_live(seen.as_ref(), &map(&digit), &note(Did::Push, &digit, &digit)).unwrap()
        };
        let racers: Vec<_> = (1..9).map(|digit| scope.spawn(move || racer(digit))).collect();
        racers.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|it| **it == Moved::Moved).count(), 1, "{outcomes:?}");
    let winner = outcomes.iter().position(|it| *it == Moved::Moved).unwrap() + 1;
    let live = store.live().unwrap().unwrap();
    assert_eq!(live.bytes, map(&format!("{winner:x}")));
    assert_eq!(live.note.unwrap().by, format!("{winner:x}"));
}

#[test]
fn a_writer_killed_halfway_spoils_nothing() {
    let (_scratch, store) = scratch();
    let of_a = note(Did::Push, "a", "ann");
    store.move_live(None, &map("a"), &of_a).unwrap();
    // It has written its note, and begun another line, and was killed before it renamed.
    store.write_down(&note(Did::Push, "b", "bob")).unwrap();
    let mut history = fs::read(store.path(HISTORY)).unwrap();
    history.extend_from_slice(b"{\"did\": \"pu");
    fs::write(store.path(HISTORY), history).unwrap();
    let seen = store.live().unwrap().unwrap();
    assert_eq!((&seen.bytes, seen.note.as_ref()), (&map("a"), Some(&of_a)));
    let of_c = note(Did::Push, "c", "eve");
    assert_eq!(store.move_live(Some(&seen), &map("c"), &of_c), Ok(Moved::Moved));
    assert_eq!(store.live().unwrap().unwrap().note, Some(of_c));
}

#[test]
fn a_map_put_there_by_other_means_has_no_note() {
    let (_scratch, store) = scratch();
    store.move_live(None, &map("a"), &note(Did::Push, "a", "ann")).unwrap();
    fs::write(store.path(LIVE), b"no map").unwrap();
    let live = store.live().unwrap().unwrap();
    assert_eq!((live.bytes.as_slice(), live.note), (&b"no map"[..], None));
}

#[test]
fn what_cannot_be_written_is_told_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config"), "a file").unwrap();
    let store = Folder::new(folder.path().to_path_buf());
    let trouble = store.keep(&digest("a"), b"", &note(Did::Store, "a", "ann")).unwrap_err();
    assert!(trouble.what.contains("config/versions") && trouble.what.contains("cannot be written"));
}
