/** One short sound per answer of the gate: up for go, low twice for stop, down for out. */
const TONES = {
  go: [
    [660, 0],
    [990, 0.09],
  ],
  stop: [
    [180, 0],
    [180, 0.22],
  ],
  out: [
    [740, 0],
    [494, 0.1],
  ],
} as const;

let context: AudioContext | null = null;

/** Plays it where the machine can; a desk without sound stays silent. */
export function sound(answer: keyof typeof TONES): void {
  if (typeof AudioContext === "undefined") return;
  context ??= new AudioContext();
  for (const [frequency, delay] of TONES[answer]) {
    const at = context.currentTime + delay;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    tone.type = answer === "stop" ? "square" : "sine";
    volume.gain.setValueAtTime(0.18, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.16);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.17);
  }
}
