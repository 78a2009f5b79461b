use super::*;

#[test]
fn an_address_is_read_however_it_is_written() {
    for written in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
        assert_eq!(Url::read(written).unwrap().0, "http://h:1");
    }
    assert_eq!(Url::read("https://h/sfai/v1").unwrap().v1(), "https://h/sfai/v1");
    for odd in ["h:1", "ftp://h", "https://", "http://h\n", "http://u:p@h", "http://h/?q", "/v1"] {
        assert!(Url::read(odd).is_err(), "{odd:?}");
    }
}

#[test]
fn a_name_says_whether_it_completes() {
    for name in ["autocomplete", "Tab", "fast-completion", "js_fim"] {
        assert!(says_autocomplete(name), "{name}");
    }
    for name in ["coder", "table", "completely", "stable"] {
        assert!(!says_autocomplete(name), "{name}");
    }
}
