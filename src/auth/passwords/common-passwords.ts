import { dictionary } from '@zxcvbn-ts/language-common';

/** About 49,000 passwords that leaks are full of. Built on first use: most processes never need it. */
let known: Set<string> | undefined;
const isKnown = (text: string): boolean => (known ??= new Set(dictionary['passwords-common'])).has(text);

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
/** A shorter word with digits around it says little about the whole. */
const WORD_MIN = 4;
/** Of the neighbours in a text, the share that may follow each other in the alphabet. */
const RUN_SHARE = 0.8;

const PIECE_MIN = 4;

/** Every stretch of a row of keys, longest first. */
const KEYBOARD_PIECES = ['1234567890', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm']
  .flatMap((row) => [row, [...row].toReversed().join('')])
  .flatMap((row) => [...row].flatMap((_, start) => [...row].map((__, end) => row.slice(start, end + 1))))
  .filter((piece) => piece.length >= PIECE_MIN)
  .toSorted((a, b) => b.length - a.length);

/**
 * What a guesser tries first: a leaked password, one with digits and signs around it or in place of letters, one
 * written twice, and runs such as 123456789012.
 */
export function isCommonPassword(password: string): boolean {
  const lower = password.toLowerCase();
  const text = lower.replaceAll(/\s/g, '');
  return isKnown(text) || isDressedWord(text) || isRepetition(text) || isRun(lower) || isKeyboardWalk(text);
}

function isDressedWord(text: string): boolean {
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

/** Made of rows of keys, forwards or backwards, but for a character or two. */
function isKeyboardWalk(text: string): boolean {
  let rest = text;
  for (const piece of KEYBOARD_PIECES) rest = rest.replaceAll(piece, '');
  return rest.length <= 2;
}

function isRun(text: string): boolean {
  let steps = 0;
  for (let index = 1; index < text.length; index += 1) {
    const step = text.charCodeAt(index) - text.charCodeAt(index - 1);
    // 9 to 0, as digits are told on a keyboard.
    if (Math.abs(step) <= 1 || step === -9) steps += 1;
  }
  return text.length > 1 && steps / (text.length - 1) >= RUN_SHARE;
}
