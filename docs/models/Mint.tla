-------------------------------- MODULE Mint --------------------------------
(* The mint: attempts that are late, doubled or dead make keys under tags of  *)
(* their own; one is recorded, every other is found and removed. Follows      *)
(* `once` (activities/postgres/once.ts), activities/mint.ts and removeStrays. *)
EXTENDS Naturals, FiniteSets

CONSTANTS
  Attempts,         \* of the one step, in whatever order they come
  Steady,           \* the last attempt, which neither dies nor loses its answer, for liveness
  MostFences,       \* how often another run may take over, or an operator turn back
  Readable,         \* whether the store shows a secret again
  \* What the protocol does; each is TRUE in the product and FALSE in one mistake.
  WaitsOut,         \* a take-over waits for settle_at of the attempts before it
  OwnsStep,         \* an outcome is recorded only by the step's latest attempt
  ChecksFence,      \* ... and only under the fence that holds the rotation
  StraysWait        \* strays are looked for once nothing can land any more

NoKey == "none"

VARIABLES
  fence, back,      \* the rotation: who holds it, and whether it goes back
  outcome,          \* the key that is recorded, named by the attempt whose tag it carries
  removed,          \* the recorded version was revoked on the way back
  latest,           \* the attempt that the step names
  intent,           \* of each attempt: "none", "open", "superseded", "applied"
  settled,          \* attempts whose settle_at is over
  pc, mine, todo, got, \* of each worker: where it is, its fence, tags to look for, the key that it has
  request,          \* of each attempt: "none", "flying", "landed", "void"
  alive,            \* tags whose key lives in the store
  closed

vars == <<fence, back, outcome, removed, latest, intent, settled, pc, mine, todo, got, request, alive, closed>>
rotation == <<fence, back, outcome, removed, latest, closed>>

Init ==
  /\ fence = 1 /\ back = FALSE /\ outcome = NoKey /\ removed = FALSE /\ latest = NoKey /\ closed = FALSE
  /\ intent = [a \in Attempts |-> "none"] /\ settled = {}
  /\ pc = [a \in Attempts |-> "idle"] /\ mine = [a \in Attempts |-> 0]
  /\ todo = [a \in Attempts |-> {}] /\ got = [a \in Attempts |-> NoKey]
  /\ request = [a \in Attempts |-> "none"] /\ alive = {}

Earlier(a) == {e \in Attempts \ {a} : intent[e] # "none"}

(* The transaction that commits the intent, under the fence that the engine gave. *)
Begin(a) ==
  /\ pc[a] = "idle" /\ ~back /\ ~closed /\ outcome = NoKey /\ pc[Steady] = "idle"
  /\ WaitsOut => Earlier(a) \subseteq settled
  /\ intent' = [e \in Attempts |-> IF e = a THEN "open" ELSE IF intent[e] = "open" THEN "superseded" ELSE intent[e]]
  /\ latest' = a
  /\ mine' = [mine EXCEPT ![a] = fence]
  /\ todo' = [todo EXCEPT ![a] = Earlier(a)]
  /\ pc' = [pc EXCEPT ![a] = "looking"]
  /\ UNCHANGED <<fence, back, outcome, removed, settled, got, request, alive, closed>>

(* One earlier tag is looked for: its key is adopted where it can be read, else removed. *)
Look(a, e) ==
  /\ pc[a] = "looking" /\ e \in todo[a]
  /\ IF e \in alive /\ Readable
       THEN /\ got' = [got EXCEPT ![a] = e] /\ pc' = [pc EXCEPT ![a] = "answered"] /\ UNCHANGED <<alive, todo>>
       ELSE /\ alive' = alive \ {e} /\ todo' = [todo EXCEPT ![a] = @ \ {e}] /\ UNCHANGED <<got, pc>>
  /\ UNCHANGED <<rotation, intent, settled, mine, request>>

(* Nothing is sent once the own deadline is near: settle_at lies behind it. *)
Send(a) ==
  /\ pc[a] = "looking" /\ todo[a] = {} /\ a \notin settled
  /\ request' = [request EXCEPT ![a] = "flying"] /\ pc' = [pc EXCEPT ![a] = "sent"]
  /\ UNCHANGED <<rotation, intent, settled, mine, todo, got, alive>>

TooLate(a) ==
  /\ pc[a] = "looking" /\ a \in settled
  /\ pc' = [pc EXCEPT ![a] = "failed"]
  /\ UNCHANGED <<rotation, intent, settled, mine, todo, got, request, alive>>

(* Whether or not anybody still waits for the answer. *)
Land(a) ==
  /\ request[a] = "flying"
  /\ request' = [request EXCEPT ![a] = "landed"] /\ alive' = alive \cup {a}
  /\ UNCHANGED <<rotation, intent, settled, pc, mine, todo, got>>

Answer(a) ==
  /\ pc[a] = "sent" /\ request[a] = "landed" /\ a \notin settled
  /\ got' = [got EXCEPT ![a] = a] /\ pc' = [pc EXCEPT ![a] = "answered"]
  /\ UNCHANGED <<rotation, intent, settled, mine, todo, request, alive>>

LoseAnswer(a) ==
  /\ pc[a] = "sent" /\ (a = Steady => a \in settled)
  /\ pc' = [pc EXCEPT ![a] = "failed"]
  /\ UNCHANGED <<rotation, intent, settled, mine, todo, got, request, alive>>

(* Deadline and settle time are over: what has not landed never will. *)
Settle(a) ==
  /\ intent[a] # "none" /\ a \notin settled
  /\ a = Steady => pc[a] \in {"answered", "done", "failed"}
  /\ settled' = settled \cup {a}
  /\ request' = [request EXCEPT ![a] = IF @ = "flying" THEN "void" ELSE @]
  /\ UNCHANGED <<rotation, intent, pc, mine, todo, got, alive>>

MayRecord(a) == outcome = NoKey /\ (ChecksFence => mine[a] = fence) /\ (OwnsStep => latest = a)

Commit(a) ==
  /\ pc[a] = "answered"
  /\ IF MayRecord(a)
       THEN /\ outcome' = got[a] /\ intent' = [intent EXCEPT ![a] = "applied"] /\ pc' = [pc EXCEPT ![a] = "done"]
       ELSE /\ pc' = [pc EXCEPT ![a] = "failed"] /\ UNCHANGED <<outcome, intent>>
  /\ UNCHANGED <<fence, back, removed, latest, closed, settled, mine, todo, got, request, alive>>

Die(a) ==
  /\ a # Steady /\ pc[a] \in {"looking", "sent", "answered"}
  /\ pc' = [pc EXCEPT ![a] = "dead"]
  /\ UNCHANGED <<rotation, intent, settled, mine, todo, got, request, alive>>

TakeOver ==
  /\ fence < MostFences /\ ~closed /\ pc[Steady] = "idle"
  /\ fence' = fence + 1
  /\ UNCHANGED <<back, outcome, removed, latest, closed, intent, settled, pc, mine, todo, got, request, alive>>

TurnBack ==
  /\ fence < MostFences /\ ~closed /\ ~back
  /\ fence' = fence + 1 /\ back' = TRUE
  /\ UNCHANGED <<outcome, removed, latest, closed, intent, settled, pc, mine, todo, got, request, alive>>

(* On the way back the new version goes, by its own guarded step. *)
RemoveNew ==
  /\ back /\ outcome # NoKey /\ ~removed /\ ~closed
  /\ alive' = alive \ {outcome} /\ removed' = TRUE
  /\ UNCHANGED <<fence, back, outcome, latest, closed, intent, settled, pc, mine, todo, got, request>>

MayStillLand == {a \in Attempts : intent[a] \in {"open", "superseded"} /\ a \notin settled}

Close ==
  /\ ~closed
  /\ IF back THEN outcome # NoKey => removed ELSE outcome # NoKey
  /\ StraysWait => MayStillLand = {}
  /\ alive' = IF back THEN {} ELSE alive \cap {outcome}
  /\ closed' = TRUE
  /\ UNCHANGED <<fence, back, outcome, removed, latest, intent, settled, pc, mine, todo, got, request>>

Work(a) == \/ Begin(a) \/ Send(a) \/ TooLate(a) \/ Answer(a) \/ Commit(a) \/ \E e \in Attempts : Look(a, e)

Next ==
  \/ \E a \in Attempts : Work(a) \/ Land(a) \/ LoseAnswer(a) \/ Settle(a) \/ Die(a)
  \/ TakeOver \/ TurnBack \/ RemoveNew \/ Close

(* The steady attempt goes on whenever it can, time passes, and the engine sees to the end. *)
Spec ==
  /\ Init /\ [][Next]_vars
  /\ WF_vars(Work(Steady)) /\ WF_vars(Land(Steady)) /\ WF_vars(RemoveNew) /\ WF_vars(Close)
  /\ \A a \in Attempts : WF_vars(Settle(a))

-----------------------------------------------------------------------------
(* I5 *) NoOrphan == closed => alive \subseteq (IF back THEN {} ELSE {outcome})
(* I5 *) InUseLives == outcome # NoKey /\ ~back => outcome \in alive
(* One more key at a time: preflight saw room for one. *)
OneMore == Cardinality(alive \cup {a \in Attempts : request[a] = "flying"}) <= 1
(* I6 *) OnceRecorded == [][outcome # NoKey => outcome' = outcome]_vars
(* I6 *) LateRecordsNothing ==
  [][outcome' # outcome => \E a \in Attempts : pc[a] = "answered" /\ got[a] = outcome' /\ mine[a] = fence /\ latest = a]_vars
(* I8 *) ComesToAnEnd == <>closed
=============================================================================
