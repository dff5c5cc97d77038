import { describe, expect, it } from '@jest/globals';
import { isCommonPassword } from './common-passwords.ts';

const COMMON = `
  password1234 Password1234! passwordpassword PASSWORDPASSWORD p4ssw0rdp4ssw0rd passw0rd1234 P@ssw0rd1234
  123456789012 1234567890123 012345678901 987654321098 111111111111 000000000000 121212121212 123123123123
  112233445566 123456123456 qwertyuiop12 qwertyuiopas qwertyqwerty qwerty123456 asdfghjkl123 asdfghjklasdfghjkl
  zxcvbnmzxcvbnm 1q2w3e4r5t6y aaaaaaaaaaaa zzzzzzzzzzzzzzzz abcabcabcabc abcdefghijkl abcdefghijklmnop
  iloveyou1234 iloveyouiloveyou letmein12345 letmeinletmein welcome12345 welcomewelcome administrator12
  administrator administrator1 football1234 baseball1234 superman1234 princess1234 sunshine1234 dragon123456
  dragondragon monkey123456 monkeymonkey master123456 admin1234567 1234567admin shadowshadow michael12345 trustno1trustno1
`
  .trim()
  .split(/\s+/);

describe('a common password', () => {
  it.each(COMMON)('is recognized: %s', (password) => {
    expect(isCommonPassword(password)).toBe(true);
  });

  it.each(['p a s s w o r d 1 2 3 4', 'PassWord 1234', ' password1234 '])(
    'is recognized with spaces or capitals: %s',
    (password) => {
      expect(isCommonPassword(password)).toBe(true);
    },
  );
});

describe('a password that is hard to guess', () => {
  it.each([
    'correct horse battery',
    'four words of my own',
    'the cat sat on my keyboard',
    'je mange des pommes vertes',
    'Tr0ub4dor&3 and more',
    'x7$ kQ9!mzP2',
    '🦊🐢🦉🐝🦋🐙🦔🦜🐠🦕🐌🦩',
    'ganz schön langes Passwort',
    'мой длинный пароль здесь',
    '私の長い秘密の合言葉です本当',
    'a new one, and long',
    'dragon eats 7 tulips',
  ])('is accepted: %s', (password) => {
    expect(isCommonPassword(password)).toBe(false);
  });
});
