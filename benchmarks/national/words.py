"""What the page says beside the figures of a national season."""

from __future__ import annotations

from typing import Final

WHAT_ELSE: Final = (
    ("what the figures come with", "service", "the peers, over Parquet files"),
    ("takes readings in, durable before it says so", "yes", "no: somebody writes the files"),
    ("a bale is stored once; what differs is a conflict", "yes", "no"),
    ("corrections, re-tests, withdrawals", "by revision", "no: files are written anew"),
    ("the answer as of an older revision", "the same to the digit", "where files of then are kept"),
    ("has what was acknowledged before it was asked", "yes", "what is in the files by then"),
    ("values rounded once, half to even", "yes", "no: by whoever writes the files"),
    ("main grades, shares of 100 %, means by weight", "yes", "not asked for here"),
    ("lots with their states beside the grades", "yes", "sums of weights, from another table"),
    ("memory while nobody asks", "the newest bales, of a season", "none"),
    ("any other question", "keys and figures of its contract", "any that SQL can say"),
)
"""What service and peers do beside answering, a row each."""

READING_IT: Final = """\
- The season is simulated, encoded ahead, and taken in by `cotton serve` as it ships: lots come in
  {slices} slices in the order of their arrival at the gate, in each slice lots are registered, then
  read on one stream a warehouse, then weighed. Questions come from another process over loopback,
  one at a time, while nothing else is sent, and nothing is being sealed.
- **server** is the time in the server, from receipt of the request to the bytes of the answer, as
  the histogram cotton_summary_seconds counts it, noted exactly. **client** ends when the program
  that asked has the answer as a frame of integers (as messages for *typed rows*), so decoding is in
  it; client and server share the cores.
- Answers in columns are TabulateGrades with every figure (about 200 columns) unless it says *few
  figures*; *typed rows* are SummariseGrades. *gin x picking, filtered* is of three divisions.
- The levels are one service that grows: the same gins, warehouses and instruments, with the tenth
  and the half of the lots that came first.
- **Peers** read Parquet files of the same bales (zstd, sorted by lot, lot facts in every row so
  that nothing has to be joined; values already rounded), with their own default threads; chDB is
  told that no column has nulls. They are asked for counts, sums, least, greatest and the bales of
  every class, and for lots and weights from a table of lots; not for means by weight, deviations,
  joint conditions or shares. Their times end with the result as a frame, as the service's do.
  Everybody answers once before the clock, then in turn, and who begins changes with every round; a
  figure is the median, with least and greatest.
- Every figure of a peer is compared with the service's, means are recomputed from the sums with
  exact fractions, shares are checked to be the nearest that total 100 %. A run in which one value
  differs is an error and has no figures.
- *As of older revisions*: ten revisions spread over the whole history, and the instants at which
  they were received. Lots that have changed since are computed again: those that were under way
  then. After a start all lots are closed, so that every lot has changed, and the revision before is
  asked for. Then a colour chart is loaded, so that what graded then is not what grades now, and
  every bale is graded again from its reading: the worst case. Answers of the revisions of all
  levels are compared with what was answered when they were the latest, and are the same.
- *After each batch*: a batch is acknowledged, then the total is asked for at once, and must name
  its revision and have its bales.
- The season before has a {share}th of the lots, and comes in after the start.
- Memory is what the kernel counts as anonymous and resident (RssAnon), before the first answer of
  a level and after all of its questions. Disk is the whole data directory after them.
"""
