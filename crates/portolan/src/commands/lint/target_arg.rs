//! Parser for the values of `--for`.

use std::str::FromStr;

use portolan_model::compat::Target;

use crate::usage::ValueError;

/// Value of `--for`.
#[derive(Clone, Copy, Debug)]
pub(super) enum TargetArg {
    /// All known targets.
    All,
    /// One target.
    Target(&'static Target),
}

impl FromStr for TargetArg {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Self::All);
        }
        Target::find(text)
            .map(Self::Target)
            .ok_or_else(|| unknown_target(text))
    }
}

/// Returns the error for an unknown target, with the most similar name.
fn unknown_target(text: &str) -> ValueError {
    let ids: Vec<_> = Target::all().iter().map(|target| target.id).collect();
    let nearest = Target::all()
        .iter()
        .flat_map(|target| target.aliases.iter().copied().chain([target.id]));
    let nearest =
        nearest.max_by(|one, other| similarity(text, one).total_cmp(&similarity(text, other)));
    ValueError::new(
        format!("unknown target \"{text}\""),
        format!(
            "did you mean `--for {}`? the targets are all, {}",
            nearest.unwrap_or_default(),
            ids.join(", ")
        ),
    )
}

fn similarity(one: &str, other: &str) -> f64 {
    strsim::normalized_levenshtein(&one.to_ascii_lowercase(), other)
}

/// Returns the selected targets in the order of `wanted`, without duplicates.
pub(super) fn select_targets(wanted: &[TargetArg]) -> Vec<&'static Target> {
    let mut targets: Vec<&Target> = Vec::new();
    for wanted in wanted {
        let selected = match wanted {
            TargetArg::All => Target::all(),
            TargetArg::Target(target) => std::slice::from_ref(*target),
        };
        for target in selected {
            if targets.iter().all(|known| known.id != target.id) {
                targets.push(target);
            }
        }
    }
    targets
}

/// Returns whether the values of `--for` include `all`.
pub(super) fn has_all(wanted: &[TargetArg]) -> bool {
    wanted.iter().any(|wanted| matches!(wanted, TargetArg::All))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_each_target_once() {
        let wanted = ["podman", "quay", "skopeo"].map(|text| text.parse().unwrap());
        let ids: Vec<_> = select_targets(&wanted)
            .iter()
            .map(|target| target.id)
            .collect();
        assert_eq!(ids, ["containers-image", "quay"]);
        assert_eq!(
            select_targets(&[TargetArg::All, "quay".parse().unwrap()]).len(),
            Target::all().len()
        );
    }

    #[test]
    fn suggests_the_nearest_target() {
        for (text, nearest) in [
            ("quai", "quay"),
            ("Podmann", "podman"),
            ("harbour", "harbor"),
        ] {
            let error = text.parse::<TargetArg>().unwrap_err();
            let help = error.help.unwrap();
            assert!(
                help.contains(&format!("did you mean `--for {nearest}`?"))
                    && help.contains("gitea"),
                "{help}"
            );
        }
    }
}
