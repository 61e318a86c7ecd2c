//! No field of the contract has the name of a keyword: generated code would have to rename or quote
//! it.

use prost_reflect::DescriptorPool;

/// Words that are reserved everywhere in a language, in lower case. Words that are keywords in some
/// places only are left out.
const KEYWORDS: [(&str, &str); 6] = [
    (
        "Python",
        "and as assert async await break class continue def del elif else except false finally for \
         from global if import in is lambda none nonlocal not or pass raise return true try while \
         with yield",
    ),
    (
        "Go",
        "break case chan const continue default defer else fallthrough for func go goto if import \
         interface map package range return select struct switch type var",
    ),
    (
        "Java",
        "abstract assert boolean break byte case catch char class const continue default do double \
         else enum extends false final finally float for goto if implements import instanceof int \
         interface long native new null package private protected public return short static \
         strictfp super switch synchronized this throw throws transient true try void volatile while",
    ),
    (
        "TypeScript",
        "break case catch class const continue debugger default delete do else enum export extends \
         false finally for function if implements import in instanceof interface let new null \
         package private protected public return static super switch this throw true try typeof \
         var void while with yield",
    ),
    (
        "C#",
        "abstract as base bool break byte case catch char checked class const continue decimal \
         default delegate do double else enum event explicit extern false finally fixed float for \
         foreach goto if implicit in int interface internal is lock long namespace new null object \
         operator out override params private protected public readonly ref return sbyte sealed \
         short sizeof stackalloc static string struct switch this throw true try typeof uint ulong \
         unchecked unsafe ushort using virtual void volatile while",
    ),
    (
        "Rust",
        "abstract as async await become box break const continue crate do dyn else enum extern \
         false final fn for gen if impl in let loop macro match mod move mut override priv pub ref \
         return self static struct super trait true try type typeof unsafe unsized use virtual \
         where while yield",
    ),
];

/// The sides of a book have no better names. Java and C# make `getLong` and `Long` of them, which are
/// free.
const SIDES: [&str; 2] = ["long", "short"];

/// The languages that reserve a word.
fn reserved_by(name: &str) -> Vec<&'static str> {
    let has = |words: &str| words.split_whitespace().any(|word| word == name);
    KEYWORDS.into_iter().filter(|(_, words)| has(words)).map(|(language, _)| language).collect()
}

#[test]
fn no_field_is_a_keyword() {
    let pool = DescriptorPool::decode(contract::DESCRIPTOR).unwrap();
    let mut found = Vec::new();
    let mut count = 0;
    for message in pool.all_messages().filter(|message| message.package_name() == "ballast.v1") {
        let fields = message.fields().map(|field| field.name().to_owned());
        let oneofs = message.oneofs().map(|oneof| oneof.name().to_owned());
        for name in fields.chain(oneofs).filter(|name| !SIDES.contains(&name.as_str())) {
            count += 1;
            let languages = reserved_by(&name);
            if !languages.is_empty() {
                found.push(format!("{}.{name}: {}", message.name(), languages.join(", ")));
            }
        }
    }
    assert!(500 < count, "the contract has more than {count} fields");
    assert!(found.is_empty(), "{found:#?}");
}
