//! Modules of a crate import each other in one direction.

use crate::files;
use std::collections::{BTreeMap, BTreeSet};
use syn::{Item, UseTree, visit::Visit};

/// The number of modules of a crate that still import each other. It only falls.
const TIED: [(&str, usize); 7] = [
    ("hedge", 12),
    ("marketdata", 12),
    ("portfolio", 2),
    ("server", 34),
    ("simulation", 3),
    ("squeeze", 16),
    ("store", 10),
];

/// A module as its path below the crate.
type Module = Vec<String>;

/// The paths that a file names.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn follow(&mut self, tree: &UseTree, mut before: Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.follow(&path.tree, before);
            }
            UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.0.push(before);
            }
            UseTree::Rename(name) => {
                before.push(name.ident.to_string());
                self.0.push(before);
            }
            UseTree::Glob(_) => self.0.push(before),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.follow(tree, before.clone()));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        // Tests may use what stands above what they test.
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|what| what.is_ident("test"))
        };
        match item {
            Item::Mod(module) if module.attrs.iter().any(is_test) => {}
            Item::Use(what) => self.follow(&what.tree, Vec::new()),
            other => syn::visit::visit_item(self, other),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|part| part.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

/// The module that a path leads to from another one: the longest part of it that is one.
fn target(modules: &BTreeMap<Module, String>, from: &Module, path: &[String]) -> Option<Module> {
    let mut base = from.clone();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => (base, rest) = (Vec::new(), &rest[1..]),
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    base.extend(rest.iter().cloned());
    while !modules.contains_key(&base) {
        base.pop()?;
    }
    (!base.is_empty() && base != *from).then_some(base)
}

/// The modules of a crate, each with those that it imports.
fn imports(sources: &[(Module, String)]) -> BTreeMap<Module, BTreeSet<Module>> {
    let modules: BTreeMap<Module, String> = sources.iter().cloned().collect();
    let of = |(module, text): (&Module, &String)| {
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(text).unwrap());
        let targets = paths.0.iter().filter_map(|path| target(&modules, module, path));
        // A module declares those below it, which is no import.
        let used = targets.filter(|used| !used.starts_with(module)).collect();
        (module.clone(), used)
    };
    modules.iter().map(of).collect()
}

/// The modules that can be reached from one.
fn reached(imports: &BTreeMap<Module, BTreeSet<Module>>, from: &Module) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    let mut next: Vec<Module> = imports[from].iter().cloned().collect();
    while let Some(module) = next.pop() {
        if found.insert(module.clone()) {
            next.extend(imports[&module].iter().cloned());
        }
    }
    found
}

/// The modules that reach themselves.
fn tied(sources: &[(Module, String)]) -> BTreeSet<String> {
    let imports = imports(sources);
    let is_tied = |module: &&Module| reached(&imports, module).contains(*module);
    imports.keys().filter(is_tied).map(|module| module.join("::")).collect()
}

/// The sources of every crate by module; files of tests are none.
fn crates() -> BTreeMap<String, Vec<(Module, String)>> {
    let mut crates: BTreeMap<String, Vec<(Module, String)>> = BTreeMap::new();
    for (path, text) in files(&["rs"]) {
        let Some(inside) = path.strip_prefix("services/") else { continue };
        let Some((package, file)) = inside.split_once("/src/") else { continue };
        let module: Module = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        let is_root = matches!(file, "lib.rs" | "main.rs" | "build.rs");
        if !is_root && !module.iter().any(|part| part == "tests") {
            crates.entry(package.to_owned()).or_default().push((module, text));
        }
    }
    crates
}

#[test]
fn modules_import_each_other_in_one_direction() {
    let crates = crates();
    assert!(12 < crates.len());
    let expected = |package: &str| TIED.iter().find(|one| one.0 == package).map_or(0, |one| one.1);
    let found = crates.iter().map(|(package, sources)| (package, tied(sources)));
    let wrong: Vec<String> = found
        .filter(|(package, tied)| tied.len() != expected(package))
        .map(|(package, tied)| format!("{package}: {} tied: {tied:?}", tied.len()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn circles_are_found_through_groups_and_paths_and_not_through_tests() {
    let file = |name: &str, text: &str| {
        (name.split("::").map(str::to_owned).collect::<Module>(), text.to_owned())
    };
    let sources = [
        file("a", "use crate::{b::{self, X as Y}, e};"),
        file("b", "fn f() { let _ = super::c::d::g(); }"),
        file("c", "mod d; use d::g;"),
        file("c::d", "use crate::a; use super::Z;"),
        file("e", "use std::fmt; #[cfg(test)] mod tests { use crate::a; }"),
    ];
    assert_eq!(tied(&sources), ["a", "b", "c::d"].map(str::to_owned).into());
}
