//! URLs of stores, without the password where people read them.

/// A URL in which passwords are replaced by stars.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    // A password may hold an @ by mistake; the host follows the last one.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => {
            let user =
                user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:***"));
            format!("{user}@{host}")
        }
        None => place.to_owned(),
    };
    let query = query.map(|query| {
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}=***"),
            _ => pair.to_owned(),
        });
        format!("?{}", shown.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{place}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("sqlite:ballast.db", "sqlite:ballast.db"),
            (
                "postgres://desk:secret@db.example:5432/risk",
                "postgres://desk:***@db.example:5432/risk",
            ),
            ("postgres://desk:sec@ret@db/risk", "postgres://desk:***@db/risk"),
            ("postgres://desk@db/risk?sslmode=require", "postgres://desk@db/risk?sslmode=require"),
            (
                "postgresql://db/risk?user=desk&password=secret&host=/run",
                "postgresql://db/risk?user=desk&password=***&host=/run",
            ),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
