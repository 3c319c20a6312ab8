"""What simulated people do by chance can be had again by its seed, and comes in the shares that were asked for."""

from collections import Counter

from cabstand.sim.city.choices import Answer, DriverHabits, Resolve, RiderHabits, Temper, resolve, source, temper


def resolves(seed: int, driver: str, number: int = 50) -> list[Resolve]:
    chance = source(seed, driver, "offers")
    return [resolve(chance, DriverHabits()) for _ in range(number)]


def tempers(seed: int, number: int = 5_000) -> list[Temper]:
    return [temper(source(seed, "rider", each), RiderHabits()) for each in range(number)]


def test_the_same_seed_gives_the_same_decisions() -> None:
    assert resolves(7, "+31655500001") == resolves(7, "+31655500001")
    assert tempers(7, 100) == tempers(7, 100)


def test_another_seed_or_another_driver_decides_otherwise() -> None:
    assert resolves(7, "+31655500001") != resolves(8, "+31655500001")
    assert resolves(7, "+31655500001") != resolves(7, "+31655500002")


def test_what_one_driver_decides_changes_nothing_for_another() -> None:
    first, second = source(7, "one", "offers"), source(7, "two", "offers")
    both = [(resolve(first, DriverHabits()), resolve(second, DriverHabits())) for _ in range(50)]
    assert [mine for mine, _ in both] == resolves(7, "one")


def test_one_in_twenty_offers_is_declined_and_three_in_a_hundred_ignored() -> None:
    answers = Counter(each.answer for each in resolves(1, "anybody", 10_000))
    assert 420 < answers[Answer.DECLINE] < 580
    assert 230 < answers[Answer.IGNORE] < 370


def test_a_driver_thinks_for_one_to_six_seconds() -> None:
    thought = [each.after for each in resolves(1, "anybody", 1_000)]
    assert 1 <= min(thought) < 1.5
    assert 5.5 < max(thought) <= 6


def test_one_ride_in_a_hundred_is_handed_back() -> None:
    back = [each.hands_back for each in resolves(1, "anybody", 10_000) if each.hands_back is not None]
    assert 60 < len(back) < 140
    assert all(0 <= share <= 1 for share in back)


def test_riders_cancel_or_stay_away_but_never_both() -> None:
    everybody = tempers(3)
    cancelling = [each for each in everybody if each.cancels_after is not None]
    assert 150 < len(cancelling) < 250
    assert 65 < sum(each.stays_away for each in everybody) < 140
    assert not any(each.stays_away for each in cancelling)


def test_habits_of_nought_are_kept() -> None:
    never = DriverHabits(declines=0, ignores=0, hands_back=0)
    chance = source(1, "loyal")
    assert {(each.answer, each.hands_back) for each in (resolve(chance, never) for _ in range(500))} == {
        (Answer.ACCEPT, None)
    }
