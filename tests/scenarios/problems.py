"""The sixteen problems that people have with PushKit: what is wrong, what catches it, what repairs.

Each row is played by the test of its number, wrong and repaired: `test_problem_07_...`; those of
AWAY in their own file, in their order.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """`wrong` is what the sender or the app does. It is caught by the exit code, by an event with
    its reason (`None`: nothing was sent), and by the words that a person reads."""

    number: int
    title: str
    wrong: str
    exit: int
    event: str | None
    reason: str | None = None
    words: str
    repaired: str


PROBLEMS = (
    Problem(
        number=1,
        title="BadDeviceToken: sandbox and production",
        wrong="sends the token of an Xcode build to production",
        exit=4,
        event="push",
        reason="BadDeviceToken",
        words="this token was issued for sandbox; you asked production",
        repaired="sends it to the sandbox",
    ),
    Problem(
        number=2,
        title="the wrong topic, or a token of the wrong class",
        wrong="sends a call to the alert token, or with the suffix twice",
        exit=4,
        event="push",
        reason="DeviceTokenNotForTopic",
        words="send it with the topic com.example.pushkit, or to another of the app's tokens",
        repaired="sends it to the VoIP token, and lets the topic follow from the type",
    ),
    Problem(
        number=3,
        title="a missing or wrong apns-push-type",
        wrong="sends an alert on the topic of calls, as before iOS 13",
        exit=4,
        event="push",
        reason="InvalidPushType",
        words="send --type voip, or the topic com.example.pushkit",
        repaired="says --type voip",
    ),
    Problem(
        number=4,
        title="the app is killed for not reporting",
        wrong="returns early where the body cannot be read",
        exit=7,
        event="terminated",
        reason="NSInternalInconsistencyException",
        words="report a call before the delegate method returns, on every path",
        repaired="reports a call on that path as well, and ends it",
    ),
    Problem(
        number=5,
        title="struck out: APNs answers 200 and nothing arrives",
        wrong="goes on sending to an app that failed too often; a better app alone is no help",
        exit=7,
        event="voip-stopped",
        reason="too-many-failures",
        words="then install it again: pushkit device do NAME reinstall",
        repaired="reports its calls, and is installed again",
    ),
    Problem(
        number=6,
        title="the registry is made too late when the app was not running",
        wrong="makes its registry in a view that a launch in the background never shows",
        exit=7,
        event="terminated",
        reason="0xBAADCA11",
        words="make the registry, with its delegate, at every launch",
        repaired="makes it at every launch",
    ),
    Problem(
        number=7,
        title="ghost calls",
        wrong="leaves apns-expiration out, so that APNs keeps the call for days",
        exit=7,
        event="verdict",
        words="a voip push without apns-expiration is kept for up to 30 days: a ghost call",
        repaired="sends apns-expiration 0",
    ),
    Problem(
        number=8,
        title="cancelling a call that rings",
        wrong="sends a second VoIP push that says so",
        exit=7,
        event="warning",
        reason="cancel-push",
        words="signal over the app's own connection instead",
        repaired="ends it over the app's own connection",
    ),
    Problem(
        number=9,
        title="two pushes for one call",
        wrong="filters the second out, without a report",
        exit=7,
        event="terminated",
        reason="NSInternalInconsistencyException",
        words="which was reported already; this one has to be reported too",
        repaired="reports it again, and lets the system say that it exists",
    ),
    Problem(
        number=10,
        title="the Simulator takes no VoIP push",
        wrong="sends to Apple for a device that is none",
        exit=3,
        event=None,
        reason="BadDeviceToken",
        words="iphone is an emulated device: Apple never issued its token (leave --env out",
        repaired="sends the Simulator's .apns file to the emulated device",
    ),
    Problem(
        number=11,
        title="no token",
        wrong="listens for its token only after it came",
        exit=7,
        event="warning",
        reason="no-delegate",
        words="the token that comes then is told to nobody; set the delegate first",
        repaired="sets the delegate, then the types",
    ),
    Problem(
        number=12,
        title="a stale token, after a logout or on another installation",
        wrong="goes on sending to a token that was replaced",
        exit=4,
        event="push",
        reason="Unregistered",
        words="delete the token, unless it was registered again after the timestamp",
        repaired="sends to the token that took its place",
    ),
    Problem(
        number=13,
        title="the payload is too large",
        wrong="sends more than 5120 bytes of a call",
        exit=4,
        event="push",
        reason="PayloadTooLarge",
        words="send an id and let the app fetch the rest",
        repaired="stays within 5120, which is more than the 4096 of other types",
    ),
    Problem(
        number=14,
        title="locked since it was started",
        wrong="gives up where the keychain cannot be read yet",
        exit=7,
        event="terminated",
        reason="NSInternalInconsistencyException",
        words="report a call before the delegate method returns, on every path",
        repaired="reports first, and looks for its data then",
    ),
    Problem(
        number=15,
        title="Do Not Disturb",
        wrong="takes a refused report for a catastrophe",
        exit=7,
        event="terminated",
        reason="crashed",
        words="catch what a body or a refused report may raise",
        repaired="survives it: a refused report counts",
    ),
    Problem(
        number=16,
        title="encrypted messengers",
        wrong="sends its messages as VoIP pushes, which ring for nobody",
        exit=7,
        event="terminated",
        reason="NSInternalInconsistencyException",
        words="report a call before the delegate method returns, on every path",
        repaired="sends messages as alerts, and calls alone as calls",
    ),
)

AWAY = (
    Problem(
        number=7,
        title="a call that rings after power-on, when its caller has long given up",
        wrong="leaves apns-expiration out, so that APNs keeps the call for days",
        exit=7,
        event="warning",
        reason="ghost-call",
        words="the call is 5 min old: its caller may have given up long ago",
        repaired="sends apns-expiration 0",
    ),
    Problem(
        number=7,
        title="a phone that is offline: of several messages one is kept",
        wrong="sends each message as a push of its own, and counts on all of them",
        exit=7,
        event="overwritten",
        reason="slot",
        words="APNs stores one for each device token",
        repaired="says in each push how many there are, and lets them collapse",
    ),
    Problem(
        number=8,
        title="a cancel that overtakes its call",
        wrong="does not report a cancel whose call it does not know",
        exit=7,
        event="terminated",
        reason="NSInternalInconsistencyException",
        words="report a call before the delegate method returns, on every path",
        repaired="reports whatever arrives, in any order",
    ),
    Problem(
        number=14,
        title="a stored call that arrives before the first unlock",
        wrong="reads what is protected until then, and fails",
        exit=7,
        event="terminated",
        reason="NSInternalInconsistencyException",
        words="report a call before the delegate method returns, on every path",
        repaired="reports first, and looks for its data then",
    ),
)
"""The sides of these that need a phone which is away."""
