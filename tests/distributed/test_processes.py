"""Several processes have the numbers that one has on all their data; what cannot be made right is refused at once."""

import pytest

from tests.distributed import faults, frameworks, meshes, resumed

NEAR = 1e-6


def no_error(each):
    assert not any(isinstance(seen, dict) and "error" in seen for seen in each), each


def equal_to_one(each, near=NEAR):
    """All ranks have the weights of one process on all the data, and the same as each other."""
    no_error(each)
    assert max(seen["off"] for seen in each) < near
    assert max(seen.get("between", 0.0) for seen in each) == 0.0


def said(each, *parts):
    no_error(each)
    for seen in each:
        text = seen["said"] if isinstance(seen, dict) else seen
        assert all(part in text for part in parts), text


class TestTheEndOfAWindow:
    def test_an_end_that_the_forward_pass_was_not_told(self, two):
        said(two["an end said to step alone"], "micro_batch(2) was called with last=False", "the forward pass decides")

    @pytest.mark.parametrize("case", ["a late end, ddp", "a late end of own passes"])
    def test_a_late_end_is_summed_late(self, two, case):
        equal_to_one(two[case])

    def test_a_late_end_that_cannot_be_summed_is_refused_and_leaks_nothing(self, two):
        said(two["a late end, fsdp"], "have not summed its gradients", "micro_batch(2, last=True)", "optim.discard()")
        equal_to_one(two["a late end, fsdp"])

    def test_processes_may_end_a_window_at_different_micro_batches(self, two):
        """Each then counts with its mean, and nothing drifts."""
        equal_to_one(two["an end on one rank, ddp"])


class TestWeights:
    @pytest.mark.parametrize("wrapper", ["ddp", "inside", "fsdp"])
    def test_a_mean_over_all_examples_of_all_processes(self, two, wrapper):
        equal_to_one(two[f"weighted, {wrapper}"])

    def test_the_group_is_the_models_own(self, four):
        """Two models of two processes each: a sum over all four would be another number."""
        equal_to_one(four["four: replicas apart, fsdp"])
        equal_to_one(four["four: replicas apart, ddp"])
        equal_to_one(four["four: weighted, ddp"])

    def test_weights_on_some_ranks_are_refused_everywhere(self, two):
        said(two["weights on one rank"], "every micro-batch has a weight=, or none")

    @pytest.mark.parametrize("wrapper", ["ddp", "fsdp"])
    def test_a_window_that_weighs_nothing_anywhere_changes_nothing(self, two, wrapper):
        for seen in two[f"all weigh nothing, {wrapper}"]:
            assert "weigh 0: nothing is updated" in seen.pop("said")
            assert seen == {"nothing": False, "changed": 0.0, "next": True}


class TestWhoSums:
    @pytest.mark.parametrize(
        ("case", "parts"),
        [
            ("no model", ["this is one of 2 processes", "model=ddp", "distributed=False", "manual_backward"]),
            ("not wrapped", ["nothing in the model sums gradients"]),
            ("apart", ["nothing was refused"]),
            ("shards", ["spread over a mesh of processes", "model=model"]),
            ("first fsdp", ["FSDP's first version is not supported", "fully_shard"]),
        ],
    )
    def test_nobody(self, two, case, parts):
        no_error(two["nobody sums"])
        assert all(part in seen[case] for seen in two["nobody sums"] for part in parts)

    def test_a_part_of_the_model_is_sharded(self, two):
        no_error(two["shards inside"])
        assert all(seen["one"] < NEAR and seen["two"] < NEAR for seen in two["shards inside"])

    def test_a_model_that_is_wrapped_in_parts(self, two):
        equal_to_one(two["wrapped in parts"])
        assert all(seen["summed"] == [3, 3] for seen in two["wrapped in parts"])

    def test_processes_that_differ_are_told_before_the_first_window(self, two):
        said(two["built differently"], "the processes are not built alike")
        said(two["begun elsewhere"], "the processes begin at different updates")


class TestWindowsThatAreDropped:
    @pytest.mark.parametrize("wrapper", ["ddp", "fsdp"])
    @pytest.mark.parametrize("case", ["loaded in mid-window", "dropped by all"])
    def test_dropped_means_dropped(self, two, case, wrapper):
        """Also where fully_shard keeps gradients outside the parameters."""
        equal_to_one(two[f"{case}, {wrapper}"])

    @pytest.mark.parametrize(
        ("case", "near"),
        [
            ("closing dropped before, ddp", NEAR),
            ("closing dropped after, ddp", NEAR),
            ("closing dropped unnamed, ddp", NEAR),
            ("closing dropped, unused", NEAR),
            ("closing dropped, fp16", 1e-4),
            ("closing dropped after, fsdp", NEAR),
            ("left out by one", NEAR),
            ("own passes dropped, inside, ddp", NEAR),
            ("own passes dropped, inside, fsdp", NEAR),
            ("own passes dropped, closing, after, ddp", NEAR),
            ("own passes dropped, closing, after, fsdp", NEAR),
            ("own passes dropped, closing, before, ddp", NEAR),
        ],
    )
    def test_all_skip_what_one_has_dropped(self, two, case, near):
        equal_to_one(two[case], near)
        if "skipped" in two[case][0]:
            assert two[case][0]["skipped"] == [False, False, False, True, False, False, False, False]

    def test_a_window_of_one(self, two, four):
        no_error(two["closing dropped, alone in its window"])
        assert two["closing dropped, alone in its window"][0]["skipped"] == [False, False, False, True]
        equal_to_one(four["four: closing dropped"])

    def test_shards_say_what_to_do_instead(self, two):
        assert "the other processes wait for its passes" in two["closing dropped after, fsdp"][1]["said"]


@pytest.mark.parametrize("case", ["a backward pass that fails at the end", "a step that fails"])
def test_what_all_wait_for_fails(two, case):
    """The process says so, and does not go on with weights that are no longer those of the others."""
    no_error(two[case])
    seen = two[case][1]
    assert seen["failed"] == "KeyError: 'boom'"
    for again in (seen["again"], seen["update"]):
        assert "has failed here (KeyError), and the other processes went on" in again
        assert "resume it from a checkpoint" in again


@pytest.mark.parametrize("case", faults.CASES)
def test_a_fault_on_one_rank(two, case):
    near = 1e-5 if "fp16" in case else NEAR
    equal_to_one(two[case], near)
    if two[case][0]["counted"]:
        assert two[case][0]["skips"] == 1


class TestOneNorm:
    @pytest.mark.parametrize("name", meshes.MODELS)
    @pytest.mark.parametrize("clip", meshes.CLIPS)
    def test_clips_are_those_of_one_process(self, two, name, clip):
        equal_to_one(two[f"clip {clip}, {name}"])
        assert max(seen["norms"] for seen in two[f"clip {clip}, {name}"]) < NEAR

    def test_the_largest_number(self, two):
        equal_to_one(two["inf-norm"])
        assert max(seen["norms"] for seen in two["inf-norm"]) < NEAR

    @pytest.mark.parametrize("case", ["fused, fsdp", "fused, ddp", "two members"])
    def test_other_optimizers(self, two, case):
        equal_to_one(two[case])

    @pytest.mark.parametrize("name", ["ddp", "fsdp", "some ignored"])
    def test_a_nan_on_one_rank_is_skipped_by_all(self, two, name):
        each = two[f"one nan, {name}"]
        no_error(each)
        assert all(seen["skipped"] == [True, False, False] and seen["same"] for seen in each)
        assert max(seen["between"] for seen in each) == 0.0

    @pytest.mark.parametrize("clip", ["norm", "adaptive"])
    @pytest.mark.parametrize("name", ["replicated shards", "sharded and parallel"])
    def test_meshes_of_two_dimensions(self, four, name, clip):
        equal_to_one(four[f"four: {name}, {clip}"])

    @pytest.mark.parametrize("name", ["ddp", "fsdp"])
    def test_four_processes(self, four, name):
        equal_to_one(four[f"four: as one, {name}"])
        assert four["four: one is slow"] == [{"between": 0.0}] * 4

    @pytest.mark.parametrize("how", ["clean", "nan", "dropped"])
    def test_pipeline_stages_decide_together(self, two, how):
        equal_to_one(two[f"stages, {how}"])
        assert max(seen["norms"] for seen in two[f"stages, {how}"]) < NEAR
        skipped = {"clean": [], "nan": [1], "dropped": [3]}[how]
        assert [[n for n, x in enumerate(seen["skipped"]) if x] for seen in two[f"stages, {how}"]] == [skipped] * 2


# In windows of four micro-batches, of a model in one bucket, or in two units of fully_shard.
FSDP = {"allgather_base": 16, "reduce_scatter_base": 2}


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("ddp", {"allreduce": 1}),
        ("ddp, weights", {"allreduce": 2}),
        ("fsdp", {**FSDP, "allreduce": 1}),
        ("fsdp, no norm", FSDP),
        ("fsdp, weights", {**FSDP, "allreduce": 2}),
        ("fsdp, each group", {**FSDP, "allreduce": 2}),
        ("fsdp, adaptive", {**FSDP, "allreduce": 2}),
    ],
)
def test_collectives_of_an_update(two, case, expected):
    """One for a norm that is asked for, one for weights, and one for a clip, whatever the number of parameters."""
    assert two[f"collectives, {case}"] == [expected] * 2


class TestRangeTest:
    @pytest.mark.parametrize("name", ["ddp", "fsdp"])
    def test_every_rank_sees_the_same(self, two, name):
        first, second = two[f"range test, {name}"]
        no_error([first, second])
        assert first == second
        assert first["back"]


class TestCheckpoints:
    @pytest.mark.parametrize("kind", ["fsdp", "ddp", "fp16"])
    def test_resumed_on_as_many_processes(self, four, kind):
        """To the bit; with DDP but for the order in which torch's first, other buckets are summed by four."""
        no_error(four[f"four: saved, {kind}"])
        for seen in four[f"four: saved, {kind}"]:
            assert seen["apart"] < 1e-7
            assert seen["same"] or kind == "ddp"
            assert seen["scale"] == (1024.0 if kind == "fp16" else None)

    @pytest.mark.parametrize("case", resumed.CASES)
    def test_resumed_on_two(self, two, case):
        no_error(two[case])
        assert max(two[case]) < NEAR

    @pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
    @pytest.mark.parametrize("kind", ["fsdp", "ddp"])
    def test_resumed_on_one(self, four, kind):
        assert resumed.resumed(0, kind, "plain") < NEAR

    def test_before_the_first_update_nothing_is_made_up(self, four):
        assert four["four: saved before the first update"] == [{"empty": 0, "same": True}] * 4

    def test_the_state_of_whole_parameters_does_not_fit_shards(self, two):
        said(two["plain into shards"], "'exp_avg' whole", "spread over a mesh of 2 processes", "dcp.load")
        for seen in two["plain into shards"]:
            assert seen["fits"] == "nothing was refused"
            assert "dcp.load" in seen["back"]

    def test_zero_redundancy(self, two):
        each = two["zero redundancy"]
        equal_to_one(each)
        for seen in each:
            assert seen["resumed"] == 0.0
            assert "cannot be split any more" in seen["schedules"]
        assert "consolidate_state_dict" in each[0]["unconsolidated"]


@pytest.mark.skipif(not frameworks.INSTALLED, reason="lightning is not installed")
class TestFrameworks:
    def test_fabric_drops_together(self, two):
        equal_to_one(two["fabric, dropped by one"])
        skipped = [False, False, False, True, False, False, False, False]
        assert [seen["skipped"] for seen in two["fabric, dropped by one"]] == [skipped] * 2

    def test_fabric_with_a_backward_pass_of_its_own(self, two):
        said(two["fabric, bf16"], "fabric.backward(loss / size)", "optim.update(step_num=...)")
        assert [seen["updated"] for seen in two["fabric, bf16"]] == [[False, True]] * 2
        assert two["fabric, bf16"][0]["between"] == 0.0

    def test_fabric_leaves_no_trace_in_names(self, two):
        no_error(two["fabric, names"])
        for seen in two["fabric, names"]:
            slow, fast = seen["rates"]
            assert slow == fast / 2

    def test_lightning(self, two):
        equal_to_one(two["lightning"])
        said(two["lightning"], "self.manual_backward(loss / size)", "optim.update(step_num=...)")
        for seen in two["lightning"]:
            assert "In Lightning: model=self" in seen["hidden"]
            assert seen["updated"] == [False, True, False, True]


@pytest.mark.skipif(not frameworks.WITH_ACCELERATE, reason="accelerate is not installed")
def test_accelerate(two):
    equal_to_one(two["accelerate"])
