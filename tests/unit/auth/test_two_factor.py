"""What becomes of second factors: given what is kept, when a code comes, then events and what is left."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from auth.commands import AnswerChallenge, BeginTwoFactor, ConfirmTwoFactor, DisableTwoFactor, Proof, RenewRecoveryCodes, ResetTwoFactor
from auth.decider import Account
from auth.errors import AccountErased, ChallengeOver, NoEnrolment, TwoFactorEnabled, TwoFactorNotEnabled, UserNotFound, WrongCode
from auth.rules import CHALLENGE, ENROLMENT, MOST_CHALLENGES, MOST_TRIES
from auth.two_factor import (
    NO_STEP,
    Challenge,
    TwoFactor,
    answer,
    begin,
    challenge,
    confirm,
    disable,
    is_enabled,
    oldest,
    renew,
    reset,
    told_of,
    tried,
    tries_left,
    use,
)
from events.contracts.user import (
    UserDeactivated,
    UserErased,
    UserRecoveryCodesRenewed,
    UserRecoveryCodeUsed,
    UserTwoFactorDisabled,
    UserTwoFactorEnabled,
)
from events.errors import NotPermitted
from events.testing import Given
from tests.unit.auth.people import NOON, account, registered, somebody

PENDING = TwoFactor(user="anna", sealed="a1", begun_at=NOON, enabled_at=None, last_step=NO_STEP, codes=frozenset())
ON = replace(PENDING, enabled_at=NOON, last_step=100, codes=frozenset({"r1", "r2"}))
FRESH, USED, WRONG = Proof(sealed="a1", step=101), Proof(sealed="a1", step=100), Proof(sealed="a1")
OF_ANOTHER_SECRET = Proof(sealed="b2", step=101)
RECOVERY, MADE_UP = Proof(recovery="r1"), Proof(recovery="r9")
NO_GOOD = [USED, WRONG, OF_ANOTHER_SECRET, MADE_UP, Proof()]
ANNA, ADA = somebody(), somebody(role="admin", user="ada")
OFF = account(registered(), UserDeactivated(before={"active": True}, after={"active": False}))
CHALLENGES = {"c1": challenge("anna", "c1", NOON)}


def confirming(proof: Proof, *, after: timedelta = timedelta(minutes=1)) -> ConfirmTwoFactor:
    return ConfirmTwoFactor(user="anna", proof=proof, codes=frozenset({"n1", "n2"}), at=NOON + after)


def answering(proof: Proof, *, which: str = "c1", after: timedelta = timedelta(minutes=1)) -> AnswerChallenge:
    return AnswerChallenge(user="anna", challenge=which, proof=proof, at=NOON + after)


def renewing(proof: Proof) -> RenewRecoveryCodes:
    return RenewRecoveryCodes(user="anna", proof=proof, codes=frozenset({"n1"}))


def disabling(proof: Proof) -> DisableTwoFactor:
    return DisableTwoFactor(user="anna", proof=proof)


# -- a code ---------------------------------------------------------------------------------------------------------------------------


def test_a_code_is_used_up_by_being_used() -> None:
    left = use(ON, FRESH)
    assert left == replace(ON, last_step=101)
    assert use(left, FRESH) is None


def test_a_recovery_code_is_gone_by_being_used_and_the_others_stay() -> None:
    left = use(ON, RECOVERY)
    assert left == replace(ON, codes=frozenset({"r2"}))
    assert use(left, RECOVERY) is None
    assert use(left, FRESH) is not None


@pytest.mark.parametrize("proof", NO_GOOD)
def test_a_code_that_is_wrong_used_or_of_another_secret_is_no_good(proof: Proof) -> None:
    assert use(ON, proof) is None


@any_of(st.lists(st.integers(90, 120), max_size=30))
def test_in_whatever_order_codes_come_each_step_is_accepted_once_and_none_before_it_again(steps: list[int]) -> None:
    standing, accepted = ON, list[int]()
    for step in steps:
        left = use(standing, Proof(sealed=ON.sealed, step=step))
        if left is not None:
            standing = left
            accepted.append(step)
    assert accepted == sorted(set(accepted))
    assert all(step > ON.last_step for step in accepted)
    assert standing.last_step == max([ON.last_step, *steps])


@any_of(st.lists(st.sampled_from(["r1", "r2", "r3", "r4"]), max_size=12))
def test_each_recovery_code_is_accepted_once(given: list[str]) -> None:
    standing, accepted = ON, list[str]()
    for code in given:
        left = use(standing, Proof(recovery=code))
        if left is not None:
            assert told_of(standing, left) == [UserRecoveryCodeUsed(left=len(left.codes))]
            standing = left
            accepted.append(code)
    assert sorted(accepted) == sorted(set(given) & ON.codes)
    assert standing.codes == ON.codes - set(accepted)


# -- turning it on and off ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, PENDING, replace(PENDING, sealed="older")])
def test_beginning_keeps_the_new_secret_and_asks_for_nothing_yet(before: TwoFactor | None) -> None:
    done = begin(BeginTwoFactor(user="anna", sealed="new", at=NOON), ANNA, before)
    assert done.events == []
    assert done.left == replace(PENDING, sealed="new")
    assert not is_enabled(done.left)


def test_what_is_on_is_not_begun_anew() -> None:
    Given(ON).when(lambda on: begin(BeginTwoFactor(user="anna", sealed="new", at=NOON), ANNA, on).events).then_rejected(TwoFactorEnabled)


def test_a_code_of_the_new_secret_turns_it_on_and_is_used_up() -> None:
    done = confirm(confirming(FRESH), ANNA, PENDING)
    assert done.events == [UserTwoFactorEnabled()]
    assert done.left is not None
    assert is_enabled(done.left)
    assert done.left.codes == {"n1", "n2"}
    assert use(done.left, FRESH) is None


@pytest.mark.parametrize("proof", [WRONG, OF_ANOTHER_SECRET, RECOVERY, Proof()])
def test_a_wrong_code_leaves_it_as_it_was(proof: Proof) -> None:
    Given(PENDING).when(lambda pending: confirm(confirming(proof), ANNA, pending).events).then_rejected(WrongCode)


@pytest.mark.parametrize(("standing", "after"), [(None, timedelta(0)), (PENDING, ENROLMENT), (PENDING, timedelta(days=1))])
def test_what_was_not_begun_within_the_hour_is_not_confirmed(standing: TwoFactor | None, after: timedelta) -> None:
    Given(standing).when(lambda was: confirm(confirming(FRESH, after=after), ANNA, was).events).then_rejected(NoEnrolment)


def test_until_the_hour_is_over_it_can_be_confirmed() -> None:
    last = ENROLMENT - timedelta(microseconds=1)
    Given(PENDING).when(lambda was: confirm(confirming(FRESH, after=last), ANNA, was).events).then(UserTwoFactorEnabled())


def test_what_is_on_is_not_confirmed_again() -> None:
    Given(ON).when(lambda on: confirm(confirming(FRESH), ANNA, on).events).then_rejected(TwoFactorEnabled)


def test_new_recovery_codes_take_the_place_of_all_old_ones() -> None:
    assert renew(renewing(FRESH), ANNA, ON) == ([UserRecoveryCodesRenewed()], replace(ON, last_step=101, codes=frozenset({"n1"})))
    Given(ON).when(lambda on: renew(renewing(RECOVERY), ANNA, on).events).then(UserRecoveryCodeUsed(left=1), UserRecoveryCodesRenewed())


def test_a_code_turns_it_off_and_so_does_a_recovery_code() -> None:
    assert disable(disabling(FRESH), ANNA, ON) == ([UserTwoFactorDisabled()], None)
    assert disable(disabling(RECOVERY), ANNA, ON) == ([UserRecoveryCodeUsed(left=1), UserTwoFactorDisabled()], None)


@pytest.mark.parametrize("proof", NO_GOOD)
def test_nobody_turns_it_off_or_renews_its_codes_without_a_good_one(proof: Proof) -> None:
    Given(ON).when(lambda on: disable(disabling(proof), ANNA, on).events).then_rejected(WrongCode)
    Given(ON).when(lambda on: renew(renewing(proof), ANNA, on).events).then_rejected(WrongCode)


@pytest.mark.parametrize("standing", [None, PENDING])
def test_what_is_not_on_is_neither_turned_off_nor_renewed(standing: TwoFactor | None) -> None:
    Given(standing).when(lambda was: disable(disabling(FRESH), ANNA, was).events).then_rejected(TwoFactorNotEnabled)
    Given(standing).when(lambda was: renew(renewing(FRESH), ANNA, was).events).then_rejected(TwoFactorNotEnabled)


@pytest.mark.parametrize("closed", [None, OFF, somebody(can_sign_in=False)])
def test_an_account_that_was_closed_meanwhile_changes_nothing(closed: Account | None) -> None:
    calls: list[Any] = [
        lambda _: begin(BeginTwoFactor(user="anna", sealed="new", at=NOON), closed, None).events,
        lambda _: confirm(confirming(FRESH), closed, PENDING).events,
        lambda _: renew(renewing(FRESH), closed, ON).events,
        lambda _: disable(disabling(FRESH), closed, ON).events,
    ]
    for call in calls:
        Given(ON).when(call).then_rejected(UserNotFound)


# -- for who lost it ------------------------------------------------------------------------------------------------------------------


def resetting(by: str | None) -> ResetTwoFactor:
    return ResetTwoFactor(user="anna", by=by)


@pytest.mark.parametrize(("by", "admin"), [("ada", ADA), (None, None)])
def test_an_admin_or_the_operator_resets_it(by: str | None, admin: Account | None) -> None:
    assert reset(resetting(by), ANNA, ON, admin) == ([UserTwoFactorDisabled()], None)
    assert reset(resetting(by), OFF, ON, admin) == ([UserTwoFactorDisabled()], None)
    for standing in (None, PENDING):
        assert reset(resetting(by), ANNA, standing, admin) == ([], None)


@pytest.mark.parametrize("admin", [None, ANNA, somebody(user="ada")])
def test_nobody_else_resets_it(admin: Account | None) -> None:
    Given(ON).when(lambda on: reset(resetting("ada"), ANNA, on, admin).events).then_rejected(NotPermitted)


def test_an_admin_does_not_reset_their_own() -> None:
    command = ResetTwoFactor(user="ada", by="ada")
    Given(replace(ON, user="ada")).when(lambda on: reset(command, ADA, on, ADA).events).then_rejected(NotPermitted)


def test_of_who_is_not_there_nothing_is_reset() -> None:
    Given(None).when(lambda _: reset(resetting("ada"), None, None, ADA).events).then_rejected(UserNotFound)
    erased = account(registered(), UserErased())
    Given(None).when(lambda _: reset(resetting("ada"), erased, None, ADA).events).then_rejected(AccountErased)


# -- signing in -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proof", [FRESH, RECOVERY])
def test_a_good_code_answers_the_challenge(proof: Proof) -> None:
    assert answer(answering(proof), ANNA, ON, CHALLENGES) == use(ON, proof) != ON


@pytest.mark.parametrize("proof", NO_GOOD)
def test_a_wrong_one_does_not(proof: Proof) -> None:
    assert answer(answering(proof), ANNA, ON, CHALLENGES) is None


@pytest.mark.parametrize(
    ("command", "person", "standing"),
    [
        (answering(FRESH, which="c2"), ANNA, ON),
        (answering(FRESH, after=CHALLENGE), ANNA, ON),
        (answering(FRESH), OFF, ON),
        (answering(FRESH), None, ON),
        (answering(FRESH), ANNA, None),
        (answering(FRESH), ANNA, PENDING),
    ],
)
def test_an_old_or_unknown_challenge_is_over_and_so_is_one_of_an_account_that_is_not_what_it_was(
    command: AnswerChallenge, person: Account | None, standing: TwoFactor | None
) -> None:
    with pytest.raises(ChallengeOver):
        answer(command, person, standing, CHALLENGES)


def test_a_challenge_lives_for_five_wrong_codes() -> None:
    asked: Challenge | None = CHALLENGES["c1"]
    left = []
    while asked is not None:
        asked = tried(asked)
        left.append(tries_left(asked))
    assert left == list(range(MOST_TRIES - 1, -1, -1))


def test_nobody_has_more_challenges_than_anyone_could_answer_and_the_oldest_give_way() -> None:
    made = [challenge("anna", f"c{n}", NOON + timedelta(seconds=n)) for n in range(MOST_CHALLENGES)]
    assert oldest({each.digest: each for each in made[1:]}) == []
    assert oldest({each.digest: each for each in reversed(made)}) == made[:1]
