//! That the reader of the sources sees what the rules are about, shown with small sources.

use crate::definitions::{self, Definitions};
use crate::imports::{self, Import, Modules};
use crate::known::{Known, Limits};
use crate::source::{self, Source};

fn sources(texts: &[(&str, &str)]) -> Vec<Source> {
    let mut all: Vec<Source> =
        texts.iter().map(|(path, text)| source::parsed((*path).to_owned(), (*text).to_owned())).collect();
    all.sort_by(|left, right| left.path.cmp(&right.path));
    all
}

/// The imports of a crate, as `from -> to`.
fn imported(texts: &[(&str, &str)]) -> Vec<String> {
    let sources = sources(texts);
    let found = Modules::of(&sources, "src/lib.rs").imports();
    found.iter().map(|Import { from, to, .. }| format!("{from} -> {to}")).collect()
}

#[test]
fn comments_strings_and_tests_are_no_product_code() {
    let text = "//! unsafe\nfn a() { b(\"unsafe\"); /* unsafe */ }\n#[cfg(test)]\nmod tests { fn c() { unsafe {} } }\nfn d() {}";
    let source = &sources(&[("src/lib.rs", text)])[0];
    let words = |is_product: bool| {
        let tokens = source.tokens.iter().filter(move |token| token.is_product == is_product);
        tokens.map(|token| token.text.as_str()).collect::<Vec<_>>()
    };
    assert!(words(false).contains(&"c") && words(false).contains(&"unsafe"));
    assert!(words(true).contains(&"d") && !words(true).contains(&"c"));
    // In the documentation and in the string.
    assert_eq!(
        source.tokens.iter().filter(|token| token.is_product && token.text.trim() == "unsafe").count(),
        2
    );
    assert_eq!(
        source
            .tokens
            .iter()
            .filter(|token| token.kind == source::Kind::Word && token.text == "unsafe")
            .count(),
        1
    );
}

#[test]
fn an_attribute_for_tests_ends_with_its_item() {
    for (text, behind) in [
        ("#[cfg(test)] use a::{b, c}; fn d() {}", "d"),
        ("#[cfg(test)] #[inline] fn a<B, C>(b: B, c: C) { e(); } fn d() {}", "d"),
        ("struct A { #[cfg(test)] a: usize, d: usize }", "d"),
        ("struct A { d: usize, #[cfg(test)] a: usize }", "d"),
        ("#[cfg(test)] mod tests; fn d() {}", "d"),
    ] {
        let source = &sources(&[("src/lib.rs", text)])[0];
        let product = source.tokens.iter().filter(|token| token.is_product).map(|token| token.text.as_str());
        let product: Vec<&str> = product.collect();
        assert!(
            product.contains(&behind) && !product.contains(&"b") && !product.contains(&"a"),
            "{text}: {product:?}"
        );
    }
}

#[test]
fn imports_are_found_however_they_are_written() {
    let lib = ("src/lib.rs", "pub mod a; pub mod b;");
    let b = ("src/b/mod.rs", "mod deep; pub use self::deep::Deep; pub struct Flat;");
    let deep = ("src/b/deep.rs", "pub struct Deep;");
    for (text, expected) in [
        ("use crate::b::Flat;", vec!["src/a.rs -> src/b/mod.rs"]),
        ("use super::b::{self, Flat as Other};", vec!["src/a.rs -> src/b/mod.rs"]),
        ("fn a() -> crate::b::Flat { todo() }", vec!["src/a.rs -> src/b/mod.rs"]),
        ("use crate::b; fn a(_: b::Flat) {}", vec!["src/a.rs -> src/b/mod.rs"]),
        ("use crate::b::*;", vec!["src/a.rs -> src/b/mod.rs"]),
        // A name that is passed on is imported from where it is defined.
        ("use crate::b::Deep;", vec!["src/a.rs -> src/b/deep.rs"]),
        // A module of which nothing is named is no import, nor are tests, comments and other crates.
        ("use crate::b;", vec![]),
        ("#[cfg(test)] mod tests { use crate::b::Flat; }", vec![]),
        ("/// See [`crate::b::Flat`].\nuse std::fmt;", vec![]),
    ] {
        assert_eq!(imported(&[lib, ("src/a.rs", text), b, deep]), expected, "{text}");
    }
    let parent = ("src/b/mod.rs", "mod deep; pub struct Flat; fn all() { deep::one() }");
    let child = ("src/b/deep.rs", "use super::Flat; pub fn one() {}");
    let both = imported(&[lib, ("src/a.rs", ""), parent, child]);
    assert_eq!(both, ["src/b/deep.rs -> src/b/mod.rs", "src/b/mod.rs -> src/b/deep.rs"]);
}

#[test]
fn circles_are_found_and_nothing_else() {
    let import = |from: &str, to: &str| Import {
        from: from.to_owned(),
        to: to.to_owned(),
        line: 1,
        name: String::new(),
    };
    let ties =
        [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("f", "a"), ("g", "h"), ("h", "g")];
    let imports: Vec<Import> = ties.iter().map(|(from, to)| import(from, to)).collect();
    assert_eq!(imports::circles(&imports), [vec!["a", "b", "c"], vec!["g", "h"]]);
    assert!(imports::circles(&imports[3..6]).is_empty());
}

#[test]
fn what_is_defined_is_known_by_its_owner() {
    let text = "struct A<T> { pub field: T } enum E { One(u8), #[doc = \"x\"] Two { inner: u8 } }
        impl<T: Into<u8>> Display for m::A<T> { const C: u8 = 1; fn f() -> impl Fn() { let local = 1; } }
        fn long(a: [u8; 3]) -> Option<u8>\n{\n\n}\n";
    let sources = sources(&[("src/lib.rs", text)]);
    let definitions = Definitions::of(&sources);
    for name in ["A", "A::field", "E::One", "E::Two", "A::C", "A::f", "long", "lib"] {
        assert!(definitions.has(name), "{name}");
    }
    for name in ["A::One", "E::inner", "local", "A::long", "Display"] {
        assert!(!definitions.has(name), "{name}");
    }
    assert_eq!(definitions::functions(&sources[0]).last(), Some(&("long".to_owned(), 3, 4)));
    assert_eq!(
        definitions::quoted("a `b` `c::d`\n```\n`e`\n```\n"),
        [(1, "b".to_owned()), (1, "c::d".to_owned())]
    );
}

#[test]
fn lists_of_exceptions_may_only_shrink() {
    if std::env::var_os("TIDY_PRINT").is_some() {
        return;
    }
    let faults = |listed: &[&[&str]], met: &[&str]| {
        let mut known = Known::new("LIST", listed);
        met.iter().for_each(|entry| known.meet(&[entry], format!("{entry} breaks a rule")));
        known.faults()
    };
    assert!(faults(&[&["a"]], &["a"]).is_empty());
    assert_eq!(faults(&[], &["a"]), ["a breaks a rule"]);
    assert!(faults(&[&["a"], &["b"]], &["a"])[0].contains("no longer needs [\"b\"]"));
    let faults = |listed: &[(&str, usize)], lines: usize| {
        let mut limits = Limits::new("LIST", listed, 70);
        limits.meet("a", lines, "place");
        limits.faults()
    };
    assert!(faults(&[], 70).is_empty() && faults(&[("a", 90)], 81).is_empty());
    assert!(
        faults(&[], 71)[0].contains("may have 70") && faults(&[("a", 90)], 91)[0].contains("may have 90")
    );
    assert!(faults(&[("a", 90)], 80)[0].contains("lowered to 80"));
    assert!(faults(&[("a", 90)], 70)[0].contains("no longer needs"));
}

#[test]
fn comments_are_wide_everywhere_and_code_where_it_quotes_nothing() {
    let text = "// 345678901\n    // 78901\nlet a = \"ä\";\nlet b = \"öü\";\n//! 45678\n// 34567890";
    assert_eq!(definitions::wide_lines(text, 11, false), [(1, 12), (2, 12), (3, 12), (4, 13)]);
    assert_eq!(definitions::wide_lines(text, 11, true), [(1, 12), (2, 12)]);
}
