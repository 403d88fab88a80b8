"""Which choices decide whether an architecture is among the best of a search: PED-ANOVA over its evaluations.

Not here: the importance of channels (`nas/importance.py`), and pictures.
"""

from typing import Final

from nas.evaluations import TargetEvaluations

METHOD: Final = "PED-ANOVA"
LEAST: Final = 20
"""Fewest evaluations that are asked."""
BEST: Final = 5
"""Fewest evaluations that count as the best; above 50 evaluations these are the best tenth."""


def best_share(count: int) -> float:
    """The share of so many evaluations that count as the best."""
    return max(0.1, BEST / count)


def choice_importance(one: TargetEvaluations) -> dict[str, float]:
    """The importance of each choice for a metric among the best, the highest first; they sum to 1. Empty where it cannot be told.

    It cannot with fewer than 20 evaluations, or when all have the same metric. Choices of one option are left out. Source: Watanabe et
    al. 2023, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces", as Optuna implements it.
    """
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import create_trial

    if len(one.evaluations) < LEAST or len({each.value for each in one.evaluations}) == 1:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for each in one.evaluations:
        free = {name: value for name, value in each.choices.items() if len(one.options[name]) > 1}
        offered: dict[str, BaseDistribution] = {name: CategoricalDistribution(one.options[name]) for name in free}
        study.add_trial(create_trial(params=free, distributions=offered, value=each.value))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=best_share(len(one.evaluations)))
    found = get_param_importances(study, evaluator=evaluator)
    return {name: float(value) for name, value in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))}
