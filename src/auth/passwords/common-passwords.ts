import type { dictionary as Dictionary } from '@zxcvbn-ts/language-common';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** About 49,000 common passwords from leaks. Loaded on first use, because most processes never need it. */
let known: Set<string> | undefined;
const isKnown = (text: string): boolean => (known ??= loadKnown()).has(text);

function loadKnown(): Set<string> {
  const { dictionary } = require('@zxcvbn-ts/language-common') as { dictionary: typeof Dictionary };
  return new Set(dictionary['passwords-common']);
}

const LEET: Record<string, string> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
};
const UNIT_MAX = 8;
/** A shorter word doesn't make a password easy to guess. */
const WORD_MIN = 4;
/** A text is a sequence if this share of its neighbouring characters follow each other. */
const RUN_SHARE = 0.8;

const PIECE_MIN = 4;

/** Every part of a row of keys, longest first. */
const KEYBOARD_PIECES = ['1234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
  .flatMap((row) => [row, [...row].toReversed().join('')])
  .flatMap((row) => [...row].flatMap((_, start) => [...row].map((__, end) => row.slice(start, end + 1))))
  .filter((piece) => piece.length >= PIECE_MIN)
  .toSorted((a, b) => b.length - a.length);

/**
 * Whether attackers guess it early: a leaked password, also with digits and signs around it or instead of letters, a
 * repeated one, keyboard rows, and sequences such as 123456789012.
 */
export function isCommonPassword(password: string): boolean {
  const lower = password.toLowerCase();
  const text = lower.replaceAll(/\s/g, '');
  return (
    isKnown(text) || isDisguisedWord(text) || isRepetition(text) || isSequence(lower) || isKeyboardWalk(text)
  );
}

function isDisguisedWord(text: string): boolean {
  const spelled = text.replaceAll(/[013457@$]/g, (sign) => LEET[sign] ?? sign);
  return [text, spelled].some((version) => {
    const word = version.replaceAll(/^[^a-z]+|[^a-z]+$/g, '');
    const isMost = word.length >= text.length / 2 || /^\d+$/.test(version.replace(word, ''));
    return word.length >= WORD_MIN && isMost && isKnown(word);
  });
}

function isRepetition(text: string): boolean {
  for (let length = 1; length <= Math.min(UNIT_MAX, text.length / 2); length += 1) {
    const unit = text.slice(0, length);
    if (unit.repeat(Math.ceil(text.length / length)).startsWith(text)) return true;
  }
  const half = text.slice(0, text.length / 2);
  return half + half === text && isKnown(half);
}

/** Consists of keyboard rows, forwards or backwards, except for up to two characters. */
function isKeyboardWalk(text: string): boolean {
  let rest = text;
  for (const piece of KEYBOARD_PIECES) rest = rest.replaceAll(piece, '');
  return rest.length <= 2;
}

function isSequence(text: string): boolean {
  let steps = 0;
  for (let index = 1; index < text.length; index += 1) {
    const step = text.charCodeAt(index) - text.charCodeAt(index - 1);
    // From 9 to 0, as on a keyboard.
    if (Math.abs(step) <= 1 || step === -9) steps += 1;
  }
  return text.length > 1 && steps / (text.length - 1) >= RUN_SHARE;
}
