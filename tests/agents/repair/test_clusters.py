"""Patches that no input tells apart belong together, also where some of them cannot be compared on some inputs."""

from agents.repair.choice import Taste
from agents.repair.clusters import Clusters, clustered, telling
from agents.repair.search import Plausible
from tests.agents.repair.test_choice import behaviour, plausible
from verifier import Behaviour


def patches(*scores: float) -> list[Plausible]:
    return [plausible("xyzuvw"[at], at, score) for at, score in enumerate(scores)]


def indexes(clusters: Clusters[Plausible]) -> list[list[int]]:
    return [[each.index for each in cluster.members] for cluster in clusters.clusters]


def put(scores: tuple[float, ...], *behaviours: Behaviour) -> Clusters[Plausible]:
    return clustered(patches(*scores), behaviours, Taste())


def test_the_heaviest_cluster_comes_first_not_the_likeliest_patch() -> None:
    found = put((0.5, 0.4, 0.3), behaviour("a", "b", "b"))
    assert indexes(found) == [[1, 2], [0]]
    assert round(found.share(), 2) == round(0.7 / 1.2, 2)


def test_one_difference_tells_apart_what_agrees_elsewhere() -> None:
    assert indexes(put((0.5, 0.4), behaviour("a", "a"), behaviour("b", "c"))) == [[0], [1]]


def test_what_cannot_be_compared_joins_nobody_and_speaks_against_nobody() -> None:
    found = put((0.5, 0.4, 0.3), behaviour("a", "", "a"))
    assert indexes(found) == [[0, 2], [1]]
    assert (found.share(), found.rivals(found.clusters[0])) == (1.0, ())


def test_a_patch_that_agrees_with_two_that_differ_joins_that_with_which_it_agrees_more_often() -> None:
    # The last one agrees with the first once and with the second twice; the first two differ.
    seen = (behaviour("a", "b", ""), behaviour("c", "", "c"), behaviour("", "d", "d"), behaviour("", "e", "e"))
    assert indexes(put((0.5, 0.4, 0.3), *seen)) == [[1, 2], [0]]


def test_a_cluster_takes_nobody_that_differs_from_any_of_its_members() -> None:
    # The last agrees with the first, and differs from the second, which is with the first already.
    seen = (behaviour("a", "a", ""), behaviour("b", "", "b"), behaviour("", "c", "d"))
    assert indexes(put((0.5, 0.4, 0.3), *seen)) == [[0, 1], [2]]


def test_without_inputs_each_is_alone_and_none_has_a_rival() -> None:
    found = put((0.5, 0.4))
    assert (indexes(found), found.compared, found.share()) == ([[0], [1]], 0, 1.0)


def test_the_smallest_input_that_tells_all_apart_is_shown() -> None:
    small, large = behaviour("a", "b", "b", size=1), behaviour("a", "b", "c", size=9)
    larger = behaviour("a", "b", "d", size=10)
    found = put((0.5, 0.4, 0.3), small, larger, large)
    assert telling(found, found.order) == (large,)


def test_where_no_input_tells_all_apart_several_do() -> None:
    one, two = behaviour("a", "b", "b", size=3), behaviour("a", "a", "c", size=2)
    found = put((0.5, 0.4, 0.3), one, two)
    assert set(map(id, telling(found, found.order))) == {id(one), id(two)}


def test_of_those_that_do_the_same_the_smallest_that_does_not_smell_is_offered() -> None:
    likely, small, smelly = plausible("a + b", 0, 0.9), plausible("ab", 1, 0.2), plausible("a", 2, 0.9, "returns early")
    found = clustered([likely, small, smelly], (behaviour("1", "1", "1"),), Taste())
    assert found.clusters[0].members == (small, likely, smelly)
