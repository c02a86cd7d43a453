/** Asks for one prediction, again and again, as long as somebody looks. It asks nothing else, and spends nothing. */

/** What came of a question: how many seconds later to ask the next one, or nothing when all is known. */
type Verdict = number | undefined;

export class Watch<Answer> {
  private readonly ask: (id: string) => Promise<Answer>;
  private readonly hear: (answer: Answer | Error) => Verdict;
  private id: string | undefined;
  private due = 0;
  private question = 0;
  private asking = false;
  private looking = true;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: (id: string) => Promise<Answer>, hear: (answer: Answer | Error) => Verdict) {
    this.ask = ask;
    this.hear = hear;
  }

  /** Ask for this prediction from now on, first in so many seconds; what was asked before is no longer heard. */
  follow(id: string, seconds: number): void {
    this.stop();
    this.id = id;
    this.plan(seconds);
  }

  stop(): void {
    this.id = undefined;
    this.question++;
    this.asking = false;
    clearTimeout(this.timer);
  }

  /** Say whether somebody looks. What falls due while nobody does is asked as soon as somebody does. */
  look(looking: boolean): void {
    this.looking = looking;
    this.arm();
  }

  private plan(seconds: number): void {
    this.due = Date.now() + seconds * 1000;
    this.arm();
  }

  private arm(): void {
    clearTimeout(this.timer);
    const { id } = this;
    if (id === undefined || this.asking || !this.looking) return;
    this.timer = setTimeout(() => void this.put(id), Math.max(0, this.due - Date.now()));
  }

  private async put(id: string): Promise<void> {
    const question = ++this.question;
    this.asking = true;
    const answer = await this.ask(id).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    if (question !== this.question) return;
    this.asking = false;
    const seconds = this.hear(answer);
    if (seconds === undefined) this.stop();
    else this.plan(seconds);
  }
}
