//! Targets as they are typed.

use std::str::FromStr;

use portolan_model::compat::Target;

/// A word behind `--for`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// Everything that is known.
    All,
    /// This one.
    Target(&'static Target),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        Target::find(text)
            .map(Self::Target)
            .ok_or_else(|| unknown(text))
    }
}

fn unknown(text: &str) -> String {
    let ids: Vec<_> = Target::all().iter().map(|target| target.id).collect();
    let nearest = Target::all()
        .iter()
        .flat_map(|target| target.aliases.iter().copied().chain([target.id]));
    let nearest =
        nearest.max_by(|one, other| similarity(text, one).total_cmp(&similarity(text, other)));
    format!(
        "nothing is known here about \"{text}\"; did you mean \"{}\"? Known are all, {}",
        nearest.unwrap_or_default(),
        ids.join(", ")
    )
}

fn similarity(one: &str, other: &str) -> f64 {
    strsim::normalized_levenshtein(&one.to_ascii_lowercase(), other)
}

/// The targets that are meant, in the order given, each once.
pub(super) fn targets(wanted: &[Wanted]) -> Vec<&'static Target> {
    let mut targets: Vec<&Target> = Vec::new();
    for wanted in wanted {
        let meant = match wanted {
            Wanted::All => Target::all(),
            Wanted::Target(target) => std::slice::from_ref(*target),
        };
        for target in meant {
            if targets.iter().all(|known| known.id != target.id) {
                targets.push(target);
            }
        }
    }
    targets
}

/// Whether all targets are meant, and not those that are named.
pub(super) fn are_all(wanted: &[Wanted]) -> bool {
    wanted.iter().any(|wanted| matches!(wanted, Wanted::All))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_meant_once() {
        let wanted = ["podman", "quay", "skopeo"].map(|text| text.parse().unwrap());
        let ids: Vec<_> = targets(&wanted).iter().map(|target| target.id).collect();
        assert_eq!(ids, ["containers-image", "quay"]);
        assert_eq!(
            targets(&[Wanted::All, "quay".parse().unwrap()]).len(),
            Target::all().len()
        );
    }

    #[test]
    fn what_was_probably_meant_is_told() {
        for (text, meant) in [
            ("quai", "quay"),
            ("Podmann", "podman"),
            ("harbour", "harbor"),
        ] {
            let error = text.parse::<Wanted>().unwrap_err();
            assert!(
                error.contains(&format!("did you mean \"{meant}\"?")) && error.contains("gitea"),
                "{error}"
            );
        }
    }
}
