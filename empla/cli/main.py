"""The `empla` command. Commands are named here and imported when they are called, so that --help takes a moment only."""

import logging
import os
import sys

import cyclopts

from empla.errors import EmplaError, Kind

EXIT_CODES: dict[Kind, int] = {
    "usage": 2,
    "not_found": 3,
    "conflict": 4,
    "forbidden": 5,
    "invalid": 6,
    "unavailable": 7,
    "unauthorized": 8,
}
_INTERRUPTED = 130  # 128 + the signal, as a shell says it
_PIPE_CLOSED = 141

app = cyclopts.App(
    name="empla",
    help="The mind and memory of digital employees, on PostgreSQL.",
    version_flags=["--version"],
    help_epilogue="Exit codes: 0 done, 2 usage, 3 not found, 4 conflict, 5 forbidden, 6 invalid, 7 unavailable, 8 unauthorized, "
    "130 stopped.",
    suppress_keyboard_interrupt=False,
)
database = cyclopts.App(name="db", help="The database: upgrade, check, look after.")
tenant = cyclopts.App(name="tenant", help="Tenants: create, show, suspend, resume.")
user = cyclopts.App(name="user", help="The people of a tenant.")
key = cyclopts.App(name="key", help="API keys: make, list, revoke.")
employee = cyclopts.App(name="employee", help="Digital employees: hire, list, assign, pause, promote, dismiss.")
playbook = cyclopts.App(name="playbook", help="What employees know how to do.")
fact = cyclopts.App(name="fact", help="Teach an employee a fact, vouch for one, forget one.")
memory = cyclopts.App(
    name="memory", help="Memories as a whole: count, embed, weigh, forget, consolidate; what is in hand."
)
bench = cyclopts.App(name="bench", help="Measurements, in a database of their own that is gone afterwards.")

# The first paragraph stands in the lists of commands, all of it in the command's own --help.
_AS_ADMIN = "Needs the administrator's login: EMPLA_ADMIN_DATABASE_URL, unless the server is embedded."
_WORKER = (
    "Run the cycles of whoever is due, in all tenants.\n\nUntil SIGTERM or Ctrl-C: it ends the cycles in hand and exits with 0. "
    "Any number of workers may run. Once a day, one of them keeps house."
)
_UP = (
    "The HTTP API and a worker on the embedded database: all of empla.\n\nOn a new home it makes a company and its first admin, and "
    "shows once how to sign in. Ctrl-C or SIGTERM stops all of it, a second one hurries. "
    "Example: empla up --company 'Acme Corp' --email dana@acme.example"
)
_BENCH = (
    "Claims and quiet cycles per second, and what they cost.\n\n"
    "On an embedded server in a temporary folder, which waits for no disk. Machines differ: compare the ratios."
)
_BENCH_RECALL = (
    "How much of the evidence is recalled, beside BM25, vectors and their hybrid.\n\n"
    "On conversations whose questions name their evidence; they are not shipped, --data says where they are."
)
_BENCH_MEMORY = (
    "How fast memories are added and recalled, and how much of the exact answer.\n\n"
    "On an embedded server in a temporary folder, which waits for no disk. Machines differ: compare the ratios."
)
_DAILY = (
    "Run it daily; a second one at the same time is refused. Dropping months older than EMPLA_RETAIN_LOG_MONTHS needs the "
    "administrator's login: EMPLA_ADMIN_DATABASE_URL, unless the server is embedded."
)
_APPLICABLE = (
    "Which playbooks apply to an event, a metric or what is believed.\n\nEach with its score in parts, or why it does not "
    "apply. Without an event or a metric, every workflow is weighed. Changes nothing."
)
_REEMBED = (
    "Bring an employee's memories up to date now: count, embed, and move to the model that the settings choose.\n\n"
    "Workers do the same by themselves. The old model answers until all memories have moved."
)
_HIRED = "Active, in stage shadow; docs/shapes.md says what personality and config take."
for _name, _target, _help in (
    ("up", "up:up", _UP),
    ("demo", "demo:demo", "A sales force lives through its CRM's history, and reports."),
    ("ingest", "ingest:ingest", "Read a source into the inbox of a tenant's employees; again adds nothing."),
    ("cycle", "cycle:cycle", "One cycle of one employee, now."),
    ("worker", "worker:worker", _WORKER),
    ("beliefs", "beliefs:beliefs", "What an employee believes, or believed at a moment."),
    ("why", "beliefs:why", "Why an employee believes it: evidence, arithmetic, episodes, history."),
    ("goals", "goals:app", "What an employee wants, how it stands; adopt, show and drop goals."),
    ("intentions", "intentions:intentions", "What an employee is committed to, the latest first."),
    ("explain", "intentions:explain", "Why an employee does something: plans weighed, steps, what it waits for."),
    ("effects", "effects:effects", "What an employee brought about, the latest first."),
    ("chat", "chat:chat", "Write to an employee, read what it answers."),
    ("watch", "watch:watch", "What employees do, as it happens."),
    ("notices", "notices:app", "What employees tell and ask people; answer them."),
    ("approvals", "approvals:approvals", "What employees ask before they act."),
    ("approve", "approvals:approve", "Let it happen, as it stands or as edited; it goes out at once."),
    ("reject", "approvals:reject", "It does not happen; the employee remembers why."),
    ("outbox", "outbox:app", "What leaves, how far it has come; settle what is uncertain."),
    ("budget", "budget:app", "What employees may spend in a day; set it."),
    ("capability", "capabilities:app", "What employees can be able to do, and the limits; change them."),
    ("integrations", "integrations:app", "Accounts that carry effects out; connect, disconnect, rotate keys."),
    ("conflicts", "conflicts:app", "Guesses against a human's word: list them, settle them."),
    ("report", "report:report", "What a tenant's employees believe in sum, with a digest."),
    ("episodes", "episodes:episodes", "What an employee remembers, the latest first."),
    ("facts", "facts:facts", "What an employee knows, or knew at a moment, or can't decide."),
    ("remember", "recall:remember", "Something happened: an employee remembers it."),
    ("recall", "recall:recall", "What an employee remembers that answers a question, the best first."),
    ("health", "health:health", "Connection, version, roles, fences, partitions, sizes."),
):
    app.command(f"empla.cli.{_target}", name=_name, help=_help)
for _group, _module, _commands in (
    (
        database,
        "db",
        (
            ("upgrade", f"Bring the schema to this version (or --revision).\n\n{_AS_ADMIN}"),
            ("downgrade", f"Take the schema back to a revision; base removes all data.\n\n{_AS_ADMIN}"),
            ("status", "Where the database is, and at which revision.\n\nStarts and changes nothing."),
            (
                "check",
                "Is everything as it should be? Exit code 7 when not.\n\nOne line for each finding; changes nothing.",
            ),
            ("seed", "Two small tenants to try things on.\n\nThe same each time; run again, it changes nothing."),
            (
                "url",
                'The URL of the app login (or --login), for psql.\n\nNothing else is printed: psql "$(empla db url)".',
            ),
            ("stop", "Stop the embedded server of this home.\n\nIts data stay; the next command starts it again."),
            ("maintain", f"Partitions ahead, forgetting, sums, statistics, retention.\n\n{_DAILY}"),
        ),
    ),
    (
        tenant,
        "tenants",
        (
            ("create", "A new tenant."),
            ("show", "One tenant.\n\nOf a suspended one, only what can be said without entering it."),
            ("suspend", "Refuse everybody of the tenant.\n\nNothing is lost; resume lets them in again."),
            ("resume", "Let them in again."),
        ),
    ),
    (
        user,
        "users",
        (
            ("invite", "A new person; --link prints a link that sets the password."),
            ("list", "Who is there."),
            ("password", "Set a person's password, from stdin or asked for; all sign-ins are over."),
            ("remove", "Nobody enters as this user again."),
        ),
    ),
    (
        key,
        "keys",
        (
            ("create", "A new key of a person, or with --service of a program; its text is shown once."),
            ("list", "Which keys there are."),
            ("revoke", "A key opens nothing any more."),
        ),
    ),
    (
        employee,
        "employees",
        (
            (
                "hire",
                f"A new digital employee, with the playbooks of its role.\n\n{_HIRED}",
            ),
            ("list", "Who works here."),
            ("assign", "Let a user see an employee."),
            ("pause", "No cycle runs until it is resumed."),
            ("resume", "Let it work again, or for the first time."),
            ("dismiss", "Terminate an employee and hide what it owns."),
            ("record", "How far each is trusted, and what it has earned."),
            ("promote", "Trust it one stage further."),
            ("demote", "Trust it less."),
        ),
    ),
    (
        playbook,
        "playbooks",
        (
            ("list", "What an employee knows how to do, and how often it worked."),
            ("show", "One playbook in plain sentences, with its record."),
            (
                "applicable",
                _APPLICABLE,
            ),
            (
                "add",
                "Teach an employee the playbooks of a file.\n\nAll of them, or none; docs/playbooks.md says what a file holds.",
            ),
            (
                "learn",
                "Learn from what people were seen to do.\n\nWhat all demonstrations have in common, on trial.",
            ),
            (
                "validate",
                "Say what is wrong with playbook files, line by line.\n\nWithout any, look at the shelf. Exit code 6 when not all is well.",
            ),
            ("enable", "Let an employee use a playbook again."),
            ("disable", "Let an employee use a playbook no more.\n\nWhat is under way goes on."),
            ("promote", "Decide that a playbook is established."),
            ("demote", "Decide that a playbook is not chosen any more."),
            (
                "upgrade",
                "Take over the shelf's newer versions.\n\nWhat somebody has edited stays; so do records and standing.",
            ),
        ),
    ),
    (
        fact,
        "facts",
        (
            ("learn", "Teach an employee a fact, or say it again."),
            ("verify", "Vouch for a fact: it is certain, and does not fade."),
            ("forget", "Let an employee know a fact no more."),
        ),
    ),
    (
        memory,
        "memory",
        (
            ("stats", "How many memories of each kind an employee has, and by what they are compared."),
            ("working", "What an employee has in hand, as a prompt would say it."),
            (
                "reembed",
                _REEMBED,
            ),
        ),
    ),
    (
        memory,
        "ageing",
        (
            ("importance", "Why an episode is as important as it is."),
            ("forget", "Let an employee forget episodes for good."),
            (
                "consolidate",
                "Merge what was remembered twice, learn what repeated itself.\n\n--dry-run only says what would be.",
            ),
        ),
    ),
    (
        bench,
        "bench",
        (
            ("cycle", _BENCH),
            ("recall", _BENCH_RECALL),
            ("memory", _BENCH_MEMORY),
        ),
    ),
):
    for _name, _help in _commands:
        _group.command(f"empla.cli.{_module}:{_name.replace('list', 'everyone')}", name=_name, help=_help)
    if _group.name[0] not in app:
        app.command(_group)


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr and an exit code by its kind."""
    # The pool's warnings come before our own sentence about the same thing.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        app(sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_none")
        sys.stdout.flush()  # a pipe that was closed says so here, not when nobody listens any more
    except cyclopts.CycloptsError as error:
        _fail(" ".join(str(error).split()), EXIT_CODES["usage"])
    except EmplaError as error:
        _fail(str(error), EXIT_CODES[error.kind])
    except ExceptionGroup as group:
        errors = [error for error in _leaves(group) if isinstance(error, EmplaError)]
        if len(errors) != len(_leaves(group)):
            raise
        _fail(str(errors[0]), EXIT_CODES[errors[0].kind])
    except KeyboardInterrupt:
        _fail("stopped; what was committed stays, and the same command carries on", _INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush goes nowhere
        sys.exit(_PIPE_CLOSED)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]  # pyright: ignore[reportUnknownArgumentType]
    return found


def _fail(sentence: str, code: int) -> None:
    print(f"empla: {sentence}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
