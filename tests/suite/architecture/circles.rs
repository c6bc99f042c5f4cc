//! Circles: files that use each other, directly or by way of others.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Module, Source};

/// Every set of files of which each can be reached from each, a line per set.
pub(super) fn between(sources: &[Source]) -> Vec<String> {
    let arrows = arrows(sources);
    let reach: BTreeMap<&Module, BTreeSet<&Module>> =
        arrows.keys().map(|module| (*module, reachable(module, &arrows))).collect();
    let mut circles = BTreeSet::new();
    for (module, reached) in &reach {
        let circle: Vec<String> = reached
            .iter()
            .filter(|other| reach.get(*other).is_some_and(|back| back.contains(module)))
            .map(|other| other.join("::"))
            .collect();
        if circle.len() > 1 {
            circles.insert(circle.join(" ⇄ "));
        }
    }
    circles.into_iter().collect()
}

/// Which file uses which: every path is followed to the file that it names, through a parent's `pub use` if need be.
fn arrows(sources: &[Source]) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let by_module: BTreeMap<&Module, &Source> = sources.iter().map(|source| (&source.module, source)).collect();
    sources
        .iter()
        .map(|source| {
            let targets = source
                .uses
                .iter()
                .filter_map(|used| home_of(&used.path, &by_module))
                // A child may use its parent's words; a parent names its children.
                .filter(|target| !source.module.starts_with(target) && !target.starts_with(&source.module))
                .collect();
            (&source.module, targets)
        })
        .collect()
}

/// The file that defines what this path names.
fn home_of<'s>(path: &[String], by_module: &BTreeMap<&'s Module, &'s Source>) -> Option<&'s Module> {
    let mut path = path.to_vec();
    // Each turn follows one `pub use`; a chain of more than these is a fault of its own kind.
    for _ in 0..8 {
        let length = (1..=path.len()).rev().find(|length| by_module.contains_key(&path[..*length].to_vec()))?;
        let (module, source) = by_module.get_key_value(&path[..length].to_vec())?;
        let passed_on = path.get(length).and_then(|name| source.exports.get(name));
        match passed_on {
            Some(behind) => path = behind.iter().chain(&path[length + 1..]).cloned().collect(),
            None => return Some(module),
        }
    }
    None
}

fn reachable<'s>(from: &'s Module, arrows: &BTreeMap<&'s Module, BTreeSet<&'s Module>>) -> BTreeSet<&'s Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for target in arrows.get(module).into_iter().flatten() {
            if reached.insert(*target) {
                open.push(target);
            }
        }
    }
    reached
}

fn circles_in(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> =
        files.iter().map(|(path, text)| Source::parse(std::path::Path::new(path), text)).collect();
    between(&sources)
}

#[test]
fn two_files_that_use_each_other_are_a_circle() {
    let found = circles_in(&[
        ("store/a.rs", "use super::b::B;"),
        ("store/b.rs", "use crate::store::a::A;"),
        ("store/mod.rs", "mod a; mod b;"),
    ]);
    assert_eq!(found, ["store::a ⇄ store::b"]);
}

#[test]
fn a_longer_way_round_is_a_circle() {
    let found = circles_in(&[
        ("gateway/a.rs", "use super::b;"),
        ("gateway/b.rs", "fn f() { super::c::go(); }"),
        ("gateway/c.rs", "use super::a;"),
    ]);
    assert_eq!(found, ["gateway::a ⇄ gateway::b ⇄ gateway::c"]);
}

#[test]
fn a_circle_through_the_parents_re_export_is_found() {
    let found = circles_in(&[
        ("pki/mod.rs", "mod a; mod b; pub use a::A; pub use self::b::{B as Bee};"),
        ("pki/a.rs", "use super::Bee;"),
        ("pki/b.rs", "use crate::pki::A;"),
    ]);
    assert_eq!(found, ["pki::a ⇄ pki::b"]);
}

#[test]
fn a_circle_inside_a_program_is_found() {
    let found = circles_in(&[
        ("bin/kx-tool/main.rs", "mod a; mod b;"),
        ("bin/kx-tool/a.rs", "use crate::b::B; use kenpo_express::domain::ids;"),
        ("bin/kx-tool/b.rs", "use super::a::A;"),
        ("domain/ids.rs", ""),
    ]);
    assert_eq!(found, ["bin::kx-tool::a ⇄ bin::kx-tool::b"]);
}

#[test]
fn a_child_that_uses_its_parents_words_is_no_circle() {
    let found = circles_in(&[
        ("wire/mod.rs", "pub mod tus; use tus::Upload; pub struct Der;"),
        ("wire/tus.rs", "use super::Der; use super::page::Cursor;"),
        ("wire/page.rs", "use crate::domain::ids::MessageId;"),
    ]);
    assert!(found.is_empty(), "{found:?}");
}
