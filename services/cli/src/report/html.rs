//! Writes HTML and SVG that is well-formed whatever is written: every element is closed, and every
//! text and attribute is escaped, so that no text of a file or of a server becomes markup.

use crate::terminal::turns_text;

/// Attributes of an element: names are ours, values may be anyone's.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Elements within a line of text. A line feed after others makes the file readable.
const INLINE: [&str; 6] = ["data", "td", "th", "h1", "title", "span"];

/// A piece of a page.
#[derive(Clone, Debug)]
pub(super) struct Html {
    text: String,
}

impl Html {
    /// Nothing.
    pub(super) const fn new() -> Html {
        Html { text: String::new() }
    }

    /// Adds an element.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Html),
    ) {
        self.open(name, attributes);
        self.text.push('>');
        content(self);
        self.text.extend(["</", name, ">"]);
        self.end_line(name);
    }

    /// Adds an element that holds nothing but a text.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// Adds an element without content.
    pub(super) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.text.push_str("/>");
        self.end_line(name);
    }

    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        for letter in text.chars().map(printable) {
            match letter {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                letter => self.text.push(letter),
            }
        }
    }

    /// The page as text.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn open(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.text.extend(["<", name]);
        for (name, value) in attributes {
            self.text.extend([" ", name, "=\""]);
            for letter in value.chars().map(printable) {
                match letter {
                    '"' => self.text.push_str("&quot;"),
                    '\n' | '\t' => self.text.push(' '),
                    letter => Html::text(self, letter.encode_utf8(&mut [0; 4])),
                }
            }
            self.text.push('"');
        }
    }

    fn end_line(&mut self, name: &str) {
        if !INLINE.contains(&name) {
            self.text.push('\n');
        }
    }
}

/// The letter, or a replacement of what is no text, and of what turns the direction of the text
/// around it: a name of a file must not reorder the numbers beside it.
const fn printable(letter: char) -> char {
    match letter {
        '\n' | '\t' => letter,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
        letter if turns_text(letter) => char::REPLACEMENT_CHARACTER,
        letter if letter as u32 & 0xfffe == 0xfffe => char::REPLACEMENT_CHARACTER,
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn texts_and_attributes_never_become_markup() {
        let hostile = "</p><script>alert(\"1\" & '2')</script>\u{202e}\u{0}";
        let mut html = Html::new();
        html.element("p", &[("title", hostile)], |html| html.text(hostile));
        let text = "&lt;/p&gt;&lt;script&gt;alert(\"1\" &amp; '2')&lt;/script&gt;\u{fffd}\u{fffd}";
        let attribute = text.replace('"', "&quot;");
        assert_eq!(html.into_text(), format!("<p title=\"{attribute}\">{text}</p>\n"));
    }
}
