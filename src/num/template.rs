//! Texts with parts in braces, filled in in one pass, so that a text from the data is never read as a template.

/// A template, and what stands for each of its parts.
pub(crate) type Sentence = (&'static str, Vec<(&'static str, String)>);

/// What comes before the next part in braces, its name, and what comes after.
pub(crate) fn next_part(text: &str) -> Option<(&str, &str, &str)> {
    let open = text.find('{')?;
    let close = open + text[open..].find('}')?;
    Some((&text[..open], &text[open + 1..close], &text[close + 1..]))
}

/// A template with its parts filled in; a part that is not given is left out.
pub(crate) fn filled(template: &str, parts: &[(&str, &str)]) -> String {
    let mut rest = template;
    let mut text = String::with_capacity(rest.len() + 16);
    while let Some((before, name, after)) = next_part(rest) {
        text += before;
        if let Some((_, value)) = parts.iter().find(|(part, _)| *part == name) {
            text += value;
        }
        rest = after;
    }
    text + rest
}
