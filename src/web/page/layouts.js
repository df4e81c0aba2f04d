// SPDX-License-Identifier: MIT
// Made by tools/make_layouts.py from what xkeyboard-config 2.35.1, 2.42, 2.48 agree on.

// The keys, as codes of linux/input-event-codes.h, to which the characters of a level belong.
export const CODES = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 57, 86, 89, 124];

// For each layout: the characters without a modifier, with Shift, with AltGr, and with both. A space stands
// for nothing, a combining character for a dead key. Then the effect of Caps Lock on each key: c, it swaps the
// first two levels and the last two; s, only the first two; x, something else.
export const LAYOUTS = {
  us: {
    name: 'English (US)',
    levels: [
      '1234567890-=qwertyuiop[]asdfghjkl;\'`\\zxcvbnm,./ <  ',
      '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>? >  ',
    ],
    caps: '............cccccccccc..ccccccccc....ccccccc.......',
  },
  "us(intl)": {
    name: 'English (US, dead keys)',
    levels: [
      '1234567890-=qwertyuiop[]asdfghjkl;\u0301\u0300\\zxcvbnm,./ \\  ',
      '!@#$%\u0302&*()_+QWERTYUIOP{}ASDFGHJKL:\u0308\u0303|ZXCVBNM<>? |  ',
      '¡²³¤€¼½¾‘’¥×äåé®þüúíóö«»áßð    œø¶\'`¬æ ©  ñµç\u0307¿    ',
      '¹\u030b\u0304£\u0327^\u031b\u0328\u0306\u030a\u0323÷ÄÅÉ ÞÜÚÍÓÖ“”Á§Ð    ŒØ°"~¦Æ ¢  Ñ Ç\u030c\u0309    ',
    ],
    caps: '............cccscccccc..cxcsccscc....csscccxx......',
  },
  "us(altgr-intl)": {
    name: 'English (US, AltGr dead keys)',
    levels: [
      '1234567890-=qwertyuiop[]asdfghjkl;\'`\\zxcvbnm,./ \\  ',
      '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>? |  ',
      '¹²³¤€\u0302\u031b\u0328‘’¥×äåéëþüúíóö«»áßð   ïœø¶\u0301\u0300¬æœ©® ñµç\u0307¿    ',
      '¡\u030b\u0304£\u0327¼½¾\u0306\u030a\u0323÷ÄÅÉËÞÜÚÍÓÖ“”Á§Ð   ÏŒØ°\u0308\u0303¦ÆŒ¢  Ñ Ç\u030c\u0309    ',
    ],
    caps: '............cccccccccc..cxccccccc....ccssscxx......',
  },
  gb: {
    name: 'English (UK)',
    levels: [
      '1234567890-=qwertyuiop[]asdfghjkl;\'`#zxcvbnm,./ \\  ',
      '!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@¬~ZXCVBNM<>? |  ',
      '¹²³€½¾{[]}\\\u0327@ſ ¶ŧ←↓→øþ\u0308\u0303æßðđŋħ\u0309ĸł\u0301\u0302|\u0300«»¢„“”µ•·\u0323    ',
      '¡⅛ ¼⅜⅝⅞™±°¿\u0328Ω§ ®Ŧ¥↑ıØÞ\u030a\u0304ÆẞÐªŊĦ\u031b&Ł\u030b\u030c \u0306<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: '............sxcscssxcc..cxcxccssc....ssssssx.......',
  },
  be: {
    name: 'Belgian',
    levels: [
      '&é"\'(§è!çà)-azertyuiop\u0302$qsdfghjklmù²µwxcvbn,;:= <  ',
      '1234567890°_AZERTYUIOP\u0308*QSDFGHJKLM%³£WXCVBN?./+ >  ',
      '|@#¼½^{[{}\\\u0327@ſ€¶ŧ←↓→œþ[]æßðđŋħ\u0309ĸł\u0301\u0301¬\u0300«»¢„“”\u0327•·\u0303 \\  ',
      '¡⅛£$⅜⅝⅞™±°¿\u0328Ω§¢®Ŧ¥↑ıŒÞ\u030a\u0304ÆẞÐªŊĦ\u031b&Ł\u030b\u030c \u0306<>©‚‘’º×÷\u0307    ',
    ],
    caps: '.x....x.xx..sxsscssxcc..cxcxccsscsx.xssssss........',
  },
  br: {
    name: 'Portuguese (Brazil)',
    levels: [
      '1234567890-=qwertyuiop\u0301[asdfghjklç\u0303\']zxcvbnm,.; \\/ ',
      '!@#$%\u0308&*()_+QWERTYUIOP\u0300{ASDFGHJKLÇ\u0302"}ZXCVBNM<>: |? ',
      '¹²³£¢¬{[]}\\§/?°®ŧ←↓→øþ´ªæßðđŋħ\u0309ĸł\u0301~¬º«»©„“”µ•·\u0323 \u030c° ',
      '¡½¾¼⅜¨⅞™±°¿\u0328    Ŧ¥↑ıØÞ`\u0304ÆẞÐªŊĦ\u031b&Ł\u030b^  <> ‚‘’ ×÷\u0307 \u0306¿ ',
    ],
    caps: '............sssscssxcc..cxcxccsscs...ssssssx.......',
  },
  "bg(phonetic)": {
    name: 'Bulgarian (phonetic)',
    levels: [
      '1234567890-=явертъуиопшщасдфгхйкл;\'чюзьцжбнм,./ ѝ  ',
      '!@№$%€§*()–+ЯВЕРТЪУИОПШЩАСДФГХЙКЛ:"ЧЮЗѝЦЖБНМ„“? Ѝ  ',
    ],
    caps: '............ccccccccccccccccccccc..cccxccccc....c..',
  },
  ca: {
    name: 'French (Canada)',
    levels: [
      '1234567890-=qwertyuiop\u0302\u0327asdfghjkl;\u0300#<zxcvbnm,.é «  ',
      '!"/$%?&*()_+QWERTYUIOP \u0308ASDFGHJKL: |>ZXCVBNM\' É »  ',
      '±@£¢¤¬¦²³¼½¾        §¶[]         ~{\\}      µ¯ \u0301\u00a0°  ',
      '                                                ¦  ',
    ],
    caps: '............ccsccsccss..ccccccccc....ccccccx..s....',
  },
  hr: {
    name: 'Croatian',
    levels: [
      '1234567890\'+qwertzuiopšđasdfghjklčć`žyxcvbnm,.- <  ',
      '!"#$%&/()=?*QWERTZUIOPŠĐASDFGHJKLČĆ~ŽYXCVBNM;:_ >  ',
      '~\u030c^\u0306°\u0328`\u0307\u0301\u030b\u0308\u0327\\|€¶ŧ←↓→øþ÷×æ„”[]ħ\u0309łł\u0301ß¬¤‘’¢@{}§<>\u0323 |  ',
      '\u0303ˇ\u0302˘\u030a˛\u0300˙\'˝¨¸ΩŁ ®Ŧ¥↑ıØÞ\u030a\u0304Æ»«ªŊĦ\u031b&Ł\u030b\u030c \u0306»«©`\' º×÷\u0307 ¦  ',
    ],
    caps: '............sssscssxccsscsssscsxcsx.ssssssss.......',
  },
  cz: {
    name: 'Czech',
    levels: [
      '+ěščřžýáíé=\u0301qwertzuiopú)asdfghjklů§;\u0308yxcvbnm,.- \\  ',
      '1234567890%\u030cQWERTZUIOP/(ASDFGHJKL"!\u030a\'YXCVBNM?:_ |  ',
      '!@#$%^&*{}\\\u0304\\|€¶ŧ←↓→øþ[]~đĐ[]`\'łŁ$\'`\\°#&@{}^<>* /  ',
      '\u0303\u030c\u0302\u0306\u030a\u0328\u0300\u0307\u0301\u030b\u0308\u0327Ω§ ®Ŧ¥↑ıØÞ÷×ÆẞÐªŊĦ\u031b& \u030bß~|<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: '.xxxxxxxxx..sssscssxccx.scsssssxsxx..sssssss.......',
  },
  dk: {
    name: 'Danish',
    levels: [
      '1234567890+\u0301qwertyuiopå\u0308asdfghjklæø½\'zxcvbnm,.- <  ',
      '!"#¤%&/()=?\u0300QWERTYUIOPÅ\u0302ASDFGHJKLÆØ§*ZXCVBNM;:_ >  ',
      '¡@£$½¥{[]}±|@ſ€®þ←↓→œþ\u0308\u0303ªßðđŋħ\u0309ĸł\u0301\u0302¾\u030b«»©„“”µ\u0327·\u0323 \\  ',
      '¹²³¼¢⅝÷«»°¿¦Ω§¢ Þ¥↑ıŒÞ\u030a\u030cºẞÐªŊĦ\u031b&Ł\u030b\u030c¶×<> ‚‘’º\u0328\u0307\u0307 ¬  ',
    ],
    caps: '............sxsscssxccs.sxcxccsscss..ssssssx.......',
  },
  nl: {
    name: 'Dutch',
    levels: [
      '1234567890/°qwertyuiop\u0308*asdfghjkl+\u0301@<zxcvbnm,.- ]  ',
      '!"#$%&_()\'?\u0303QWERTYUIOP\u0302|ASDFGHJKL±\u0300§>ZXCVBNM;:= [  ',
      '¹²³¼½¾£{}°\\\u0327@ſ€¶þÿüïò¶~\u0303áßðªŋħ\u0309ĸł\u0301\'¬\u0300«»¢“”ñμ¸·  |  ',
      '¡⅛£ ⅜⅝⅞[]™¿\u0328Ω§¢®Þ¥ÜÏÒÞ^\u0304ÁẞÐ ŊĦ\u031b&Ł\u030b` \u0306<>©‘’Ñº«»\u0307 ¦  ',
    ],
    caps: '............sxsscxcccs..cxcsccssc....ssssscx.......',
  },
  ee: {
    name: 'Estonian',
    levels: [
      '1234567890+\u0301qwertyuiopüõasdfghjklöä\u030c\'zxcvbnm,.- <  ',
      '!"#¤%&/()=?\u0300QWERTYUIOPÜÕASDFGHJKLÖÄ\u0303*ZXCVBNM;:_ >  ',
      '¹@£$ ¬{[]}\\`@ €¶ŧ←↓→øþ\u0308§æšðđŋħ\u0309ĸł\u0301^ ½ž»¢„“”µ<>| |  ',
      '¡⅛  ⅜⅝⅞™±°¿ Ω ¢®Ŧ¥↑ıØÞ\u030a\u0304ÆŠÐªŊĦ\u031b&Ł\u030b  \u0306Ž ©‚‘’º×÷  ¦  ',
    ],
    caps: '............sssscssxccsscccxccsscss..csssssx.......',
  },
  fi: {
    name: 'Finnish',
    levels: [
      '1234567890+\u0301qwertyuiopå\u0308asdfghjklöä§\'zxcvbnm,.- <  ',
      '!"#¤%&/()=?\u0300QWERTYUIOPÅ\u0302ASDFGHJKLÖÄ½*ZXCVBNM;:_ >  ',
      ' @£$‰‚{[]}\\\u0327  € þ  ıœ\u031b\u030b\u0303əßð    ĸ\u0338øæ\u0338\u030cʒ×   ŋµ’\u0323– |  ',
      '¡”»«“„ <>°¿\u0328    Þ  |Œ\u0309\u030a\u0304ƏẞÐ      ØÆ \u0306Ʒ·   Ŋ—‘\u0307\u0326\u202f¦  ',
    ],
    caps: '............ccsccccxcss.cxcccccsscc..csccccx.......',
  },
  fr: {
    name: 'French',
    levels: [
      '&é"\'(-è_çà)=azertyuiop\u0302$qsdfghjklmù²*wxcvbn,;:! <  ',
      '1234567890°+AZERTYUIOP\u0308£QSDFGHJKLM%~µWXCVBN?./§ >  ',
      '¹~#{[|`\\^@]}æ«€¶ŧ←↓→øþ ¤@ßðđŋħ\u0309ĸłµ\u0302¬\u0300ł»¢„“”\u0301•·\u0323 |  ',
      '¡⅛£$⅜⅝⅞™±°¿\u0328Æ<¢®Ŧ¥↑ıØÞ\u030a\u0304ΩẞÐªŊĦ\u031b&Łº\u030c \u0306Ł>©‚‘’\u030b×÷\u0307 ¦  ',
    ],
    caps: '.x....x.xx..cssscssxcc..sxcxccsscxx.xcsssss........',
  },
  "fr(bepo)": {
    name: 'French (BÉPO)',
    levels: [
      '"«»()@+-/*=%bépoè\u0302vdljzwauie,ctsrnm$çàyx.k\'qghf ê  ',
      '1234567890°`BÉPOÈ!VDLJZWAUIE;CTSRNM#ÇÀYX:K?QGHF\u00a0Ê  ',
      '—<>[]^±−÷×≠‰|\u0301&œ\u0300¡\u030cð\u0338ĳə\u0306æù\u0308€’©þß®\u0303\u0304–\u0327\\{}…~¿\u030a †\u0328_/  ',
      '„“”≤≥ ¬¼½¾′″¦\u030b§Œ`  Ð ĲƏ ÆÙ\u0307 \u031bſÞẞ™ º¶\u0326 ‘’· \u0309\u0323 ‡ª\u202f¦  ',
    ],
    caps: 'ssssssssss..ssscs.scsccsccss.xcxsss.ssss.s.ssss.s..',
  },
  de: {
    name: 'German',
    levels: [
      '1234567890ß\u0301qwertzuiopü+asdfghjklöä\u0302#yxcvbnm,.- <  ',
      '!"§$%&/()=?\u0300QWERTZUIOPÜ*ASDFGHJKLÖÄ°\'YXCVBNM;:_ >  ',
      '¹²³¼½¬{[]}\\\u0327@ſ€¶ŧ←↓→øþ\u0308~æſðđŋħ\u0323ĸł\u030b\u0302′’»«¢„“”µ·…– |  ',
      '¡⅛£¤⅜⅝⅞™±°¿\u0328Ω§ ®Ŧ¥↑ıØÞ\u030a¯ÆẞÐªŊĦ\u0307&Ł\u0323\u030c″\u0306›‹©‚‘’º×÷— \u0331  ',
    ],
    caps: '..........x.sxsscssxccs.cccxccsscss..ssssssx.......',
  },
  "de(nodeadkeys)": {
    name: 'German (no dead keys)',
    levels: [
      '1234567890ß´qwertzuiopü+asdfghjklöä^#yxcvbnm,.- <  ',
      '!"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ°\'YXCVBNM;:_ >  ',
      '¹²³¼½¬{[]}\\¸@ſ€¶ŧ←↓→øþ¨~æſðđŋħ ĸł˝^¬’»«¢„“”µ·…– |  ',
      '¡⅛£¤⅜⅝⅞™±°¿ Ω§ ®Ŧ¥↑ıØÞ ¯ÆẞÐªŊĦ &Ł   `›‹©‚‘’º×÷—    ',
    ],
    caps: '..........x.sxsscssxccs.cccxccsscss..ssssssx.......',
  },
  ch: {
    name: 'German (Switzerland)',
    levels: [
      '1234567890\'\u0302qwertzuiopü\u0308asdfghjklöä§$yxcvbnm,.- <  ',
      '+"*ç%&/()=?\u0300QWERTZUIOPè!ASDFGHJKLéà°£YXCVBNM;:_ >  ',
      '|@#¼½¬|¢]}\u0301\u0303@ſ€¶ŧ←↓→œþ[]æßðđŋħ\u0309ĸł\u0301{¬}«»¢„“”µ•·\u0323 \\  ',
      '¡⅛£$⅜⅝⅞™±°¿\u0328Ω§ ®Ŧ¥↑ıŒÞ\u030a\u0304ÆẞÐªŊĦ\u031b&Ł\u030b\u030c \u0306<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: '...x........sxsscssxccx.cxcxccsscxx..ssssssx.......',
  },
  "ch(fr)": {
    name: 'French (Switzerland)',
    levels: [
      '1234567890\'\u0302qwertzuiopè\u0308asdfghjkléà§$yxcvbnm,.- <  ',
      '+"*ç%&/()=?\u0300QWERTZUIOPü!ASDFGHJKLöä°£YXCVBNM;:_ >  ',
      '|@#¼½¬|¢]}\u0301\u0303@ſ€¶ŧ←↓→œþ[]æßðđŋħ\u0309ĸł\u0301{¬}«»¢„“”µ•·\u0323 \\  ',
      '¡⅛£$⅜⅝⅞™±°¿\u0328Ω§ ®Ŧ¥↑ıŒÞ\u030a\u0304ÆẞÐªŊĦ\u031b&Ł\u030b\u030c \u0306<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: '...x........sxsscssxccx.cxcxccsscxx..ssssssx.......',
  },
  gr: {
    name: 'Greek',
    levels: [
      '1234567890-=;ςερτυθιοπ[]ασδφγηξκλ\u0301\'`\\ζχψωβνμ,./ «  ',
      '!@#$%^&*()_+:ΣΕΡΤΥΘΙΟΠ{}ΑΣΔΦΓΗΞΚΛ\u0308"~|ΖΧΨΩΒΝΜ<>? »  ',
      ' ½£¼€ϰϗ₯ °± ·ϛ€® ϒϑͻ ϡ\u0303\u0345  ↓ϕϝ ͼϟϲ \u0300  ͽ→©ϖϐʹϻ«»  |  ',
      '¹²³¾  Ϗ      Ϛ ϱ  ϴϽ Ϡ\u0304\u0306  ↑ Ϝ ϾϞϹ    Ͽ←   ͵Ϻ ·  ¦  ',
    ],
    caps: '.....xx......xsxcscxsc..cssxcsxcc....xssxxsc.......',
  },
  il: {
    name: 'Hebrew',
    levels: [
      '1234567890-=/\'\u05e7\u05e8\u05d0\u05d8\u05d5\u05df\u05dd\u05e4][\u05e9\u05d3\u05d2\u05db\u05e2\u05d9\u05d7\u05dc\u05da\u05e3,;\\\u05d6\u05e1\u05d1\u05d4\u05e0\u05de\u05e6\u05ea\u05e5. <  ',
      '!@#$%^&*)(_+QWERTYUIOP}{ASDFGHJKL:"~|ZXCVBNM><? >  ',
      '  €₪°  ×  \u05be–     \u05f0          \u05f1\u05f2  ”„\u05f4\u05f3        ’‚÷ |  ',
      '                                         \u05c6      ¦  ',
    ],
    caps: '............ssssssssss..ssssssssss...sssssssss.....',
  },
  hu: {
    name: 'Hungarian',
    levels: [
      '123456789öüóqwertzuiopőúasdfghjkléá0űyxcvbnm,.- í  ',
      '\'"+!%/=()ÖÜÓQWERTZUIOPŐÚASDFGHJKLÉÁ§ŰYXCVBNM?:_ Í  ',
      '~\u030c^\u0306\u030a\u0328`\u0307\u0301\u030b\u0308\u0327\\|Ä¶ŧ–€Í„”÷×äđĐ[]ħíłŁ$ß¬¤>#&@{}<;>* <  ',
      '\u0303ˇ\u0302˘°˛\u0300˙´˝¨¸Ω§ ®Ŧ¥↑íØÞ\u030a\u0304ÄẞÐªŊĦÍ& ¢ẞ \u0306<>©‚‘’º×÷\u0307 >  ',
    ],
    caps: '.........ssssssscssxssssccsssccxssx.ssssssss....s..',
  },
  is: {
    name: 'Icelandic',
    levels: [
      '1234567890ö-qwertyuiopð\'asdfghjklæ\u0301\u030a+zxcvbnm,.þ <  ',
      '!"#$%&/()=Ö_QWERTYUIOPÐ?ASDFGHJKLÆ \u0308*ZXCVBNM;:Þ >  ',
      '¹²³¼½¬{[]}\\\u0327@ſ€¶ŧ←↓→ø|\u0308~æß„đŋħ\u0309ĸł^\u0302¬`«»¢„“”µ•·\u0323 |  ',
      '¡⅛£¤⅜⅝⅞™±°¿\u0328Ω§¢®Ŧ¥↑ıØπ\u030a\u0304Æẞ“ªŊĦ\u031b&Ł\u030b\u030c \u0306<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: '..........s.sxsscssxcxs.cxsxccsscs...ssssssx..s....',
  },
  it: {
    name: 'Italian',
    levels: [
      '1234567890\'ìqwertyuiopè+asdfghjklòà\\ùzxcvbnm,.- <  ',
      '!"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°|§ZXCVBNM;:_ >  ',
      '¹²³¼½¬{[]}`~@ſ€¶ŧ←↓→øþ[]æßðđŋħ\u0309ĸł@#¬\u0300«»¢“”ñµ\u0301·\u0304 «  ',
      '¡\u030b\u0303⅛⅜⅝⅞™±\u0328¿\u0302Ω§¢®Ŧ¥↑ıØÞ{}ÆẞÐªŊĦ\u031b&Ł\u0327\u030a¦\u0306<>©‘’Ñº×\u0308÷ »  ',
    ],
    caps: '...........xsxsscssxccx.cxcxccsscxx.xssssscx.......',
  },
  "jp(106)": {
    name: 'Japanese (106 keys)',
    levels: [
      '1234567890-^qwertyuiop@[asdfghjkl;: ]zxcvbnm,./ <\\\\',
      '!"#$%&\'()~=~QWERTYUIOP`{ASDFGHJKL+* }ZXCVBNM<>? >_|',
    ],
    caps: '............cccccccccc..ccccccccc....ccccccc.......',
  },
  latam: {
    name: 'Spanish (Latin America)',
    levels: [
      '1234567890\'¿qwertyuiop\u0301+asdfghjklñ{|}zxcvbnm,.- <  ',
      '!"#$%&/()=?¡QWERTYUIOP\u0308*ASDFGHJKLÑ[°]ZXCVBNM;:_ >  ',
      '|@·~½¬{[]}\\\u0327@ſ€¶ŧ←↓→øþ ~æßðđŋħ\u0309ĸł~\u0302¬\u0300«»¢„“”µ•·\u0323 \\  ',
      '¡⅛£ ⅜⅝⅞™±°¿\u0328Ω§¢®Ŧ¥↑ıØÞ\u030a\u0304ÆẞÐªŊĦ\u031b&Ł\u030b   <>©‚‘’º×÷\u0307 |  ',
    ],
    caps: '............sxsscssxcc..cxcxccsscs...ssssssx.......',
  },
  lv: {
    name: 'Latvian',
    levels: [
      '1234567890-=qwertyuiop[]asdfghjkl;\'`\\zxcvbnm,./ <  ',
      '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>? >  ',
      '¹²³€½¾{[]}\\–  ēŗ  ūīō «»āš  ģ  ķļ “´`ž č  ņ •·  |  ',
      '¡⅛£¢⅜⅝⅞™±°¿—  ĒŖ  ŪĪŌ “”ĀŠ  Ģ  ĶĻ „ ˘Ž Č  Ņ ×÷˙ ¦  ',
    ],
    caps: '............cccccccccc..ccccccccc....ccccccc.......',
  },
  lt: {
    name: 'Lithuanian',
    levels: [
      'ąčęėįšųū„“-žqwertyuiop[]asdfghjkl;\'`\\zxcvbnm,./ –  ',
      'ĄČĘĖĮŠŲŪ()_ŽQWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>? €  ',
      '1234567890–=@ſ€¶ŧ←↓→øþ\u0308\u0303æßðđŋħ\u0309ĸł\u0301\u0302´\u0300«»¢„“”µ•·\u0323 |  ',
      '!@#$%^&*  ¿+Ω§£®Ŧ¥↑ıØÞ\u030a\u0304ÆẞÐªŊĦ\u031b&Ł\u030b\u030c¬\u0306<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: 'ssssssss...ssxsscssxcc..cxcxccssc....ssssssx.......',
  },
  no: {
    name: 'Norwegian',
    levels: [
      '1234567890+\\qwertyuiopå\u0308asdfghjkløæ|\'zxcvbnm,.- <  ',
      '!"#¤%&/()=?\u0300QWERTYUIOPÅ\u0302ASDFGHJKLØÆ§*ZXCVBNM;:_ >  ',
      '¡@£$½¥{[]}±\u0301@ſ€®þ←↓→œπ\u0308\u0303ªßðđŋħ\u0309ĸł\u0301\u0302¦\u030b«»©„“”µ\u0327…–\u00a0½  ',
      '¹²³¼‰⅝÷«»°¿¬Ω§¢™Þ¥↑ıŒΠ\u030a\u030cºẞÐªŊĦ\u031b&Ł\u030b\u030c¶×<> ‚‘’º\u0328·—\u202f¾  ',
    ],
    caps: '............sxsscssxccs.sxcxccsscss..ssssssx.......',
  },
  pl: {
    name: 'Polish',
    levels: [
      '1234567890-=qwertyuiop[]asdfghjkl;\'`\\zxcvbnm,./ <  ',
      '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>? >  ',
      '≠²³¢€½§·«»–\u0327πœę©ß←↓→óþ\u0308\u0303ąśðæŋ’ə…ł\u0301\u0302¬\u0300żźć„”ńµ≤≥\u0323\u00a0|  ',
      '¡¿£¼‰∧≈¾±°—\u0328ΩŒĘ®™¥↑↔ÓÞ\u030a\u0304ĄŚÐÆŊ•Ə\u0338Ł\u030b\u030c∨\u0306ŻŹĆ‘“Ń∞×÷\u0307 ¦  ',
    ],
    caps: '............cccsxssscc..cccccscsc....cccsscx.......',
  },
  pt: {
    name: 'Portuguese',
    levels: [
      '1234567890\'«qwertyuiop+\u0301asdfghjklçº\\\u0303zxcvbnm,.- <  ',
      '!"#$%&/()=?»QWERTYUIOP*\u0300ASDFGHJKLÇª|\u0302ZXCVBNM;:_ >  ',
      '¹@£§½¬{[]}\\\u0327@ſ€¶ŧ←↓→øþ\u0308\u0303æßðđŋħ\u0309ĸł\u0301\u0302¬\u0300«»¢„“”µ•·\u0323 \\  ',
      '¡⅛  ⅜⅝⅞™±°¿\u0328Ω§¢®Ŧ¥↑ıØÞ\u030a\u0304ÆẞÐªŊĦ\u031b&Ł\u030b\u030c \u0306<>©‚‘’º×÷\u0307    ',
    ],
    caps: '............sxsscssxcc..cxcxccsscs...ssssssx.......',
  },
  ro: {
    name: 'Romanian',
    levels: [
      '1234567890-=qwertyuiop[]asdfghjkl;\'`\\zxcvbnm,./ \\  ',
      '!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"~|ZXCVBNM<>? |  ',
      '\u0303\u030c\u0302\u0306\u030a\u0328\u0300\u0307\u0301\u030b\u0308\u0327âß€ ț  î §„”ășđ     ł      ©    «»     ',
      '          –±Âẞ  Ț  Î    ĂȘĐ     Ł               ¦  ',
    ],
    caps: '............cxsccccccs..ccccccccc....ccscccc.......',
  },
  ru: {
    name: 'Russian',
    levels: [
      '1234567890-=йцукенгшщзхъфывапролджэё\\ячсмитьбю. /  ',
      '!"№;%:?*()_+ЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЁ/ЯЧСМИТЬБЮ, |  ',
    ],
    caps: '............cccccccccccccccccccccccc.ccccccccc.....',
  },
  rs: {
    name: 'Serbian',
    levels: [
      '1234567890\'+љњертзуиопшђасдфгхјклчћ`жжџцвбнм,.- <  ',
      '!"#$%&/()=?*ЉЊЕРТЗУИОПШЂАСДФГХЈКЛЧЋ~ЖЖЏЦВБНМ;:_ >  ',
      '  \u0302   \u0300 \u0301 \u0304 \\|€¶…←↓→§ ÷× „“[]      °¤‘’¢@{}^<>— |  ',
      '              £® ¥↑      »«        ¬   ©      – ¦  ',
    ],
    caps: '............ssssssssscsscsssscccccc.ssssssss.......',
  },
  sk: {
    name: 'Slovak',
    levels: [
      '+ľščťžýáíé=\u0301qwertzuiopúäasdfghjklô§;ňyxcvbnm,.- \\  ',
      '1234567890%\u030cQWERTZUIOP/(ASDFGHJKL"!\u030a)YXCVBNM?:_ |  ',
      '!@#$%^&*{}\\\u0304\\|€¶ŧ←↓→øþ[]~đĐ[]`\'łŁ$\'`\\°#&@{}^<>*\u00a0/  ',
      '\u0303\u030c\u0302\u0306\u030a\u0328\u0300\u0307\u0301\u030b\u0308\u0327Ω§ ®Ŧ¥↑ıØÞ÷×ÆẞÐªŊĦ\u031b& \u030bß~|<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: '.xxxxxxxxx..sssscssxccxxscsssssxsxx.xsssssss.......',
  },
  si: {
    name: 'Slovenian',
    levels: [
      '1234567890\'+qwertzuiopšđasdfghjklčć¸žyxcvbnm,.- <  ',
      '!"#$%&/()=?*QWERTZUIOPŠĐASDFGHJKLČĆ¨ŽYXCVBNM;:_ >  ',
      '\u0303\u030c\u0302\u0306\u030a\u0328\u0300\u0307\u0301\u030b\u0308\u0327\\|€¶ŧ←↓→øþ÷×æ„“[]ħ\u0309łł\u0301ß ¤‘’¢@{}§<>— |  ',
      '~ˇ^˘°˛`˙\'˝¨¸ΩŁ ®Ŧ¥↑ıØÞ\u030a\u0304Æ»«ªŊĦ\u031b&Ł\u030b\u030c \u0306»«©`\' º×÷– ¦  ',
    ],
    caps: '............sssscssxccsscsssscsxcsx.ssssssss.......',
  },
  es: {
    name: 'Spanish',
    levels: [
      '1234567890\'¡qwertyuiop\u0300+asdfghjklñ\u0301ºçzxcvbnm,.- <  ',
      '!"·$%&/()=?¿QWERTYUIOP\u0302*ASDFGHJKLÑ\u0308ªÇZXCVBNM;:_ >  ',
      '|@#~½¬{[]}\\\u0327@ſ€¶ŧ←↓→øþ[]æßðđŋħ\u0309ĸł\u0303{\\}«»¢„“”µ•·\u0323 |  ',
      '¡⅛£ ⅜⅝⅞™±°¿\u0328Ω§¢®Ŧ¥↑ıØÞ \u0304ÆẞÐªŊĦ\u031b&Ł   \u0306<>©‚‘’º×÷\u0307 ¦  ',
    ],
    caps: '............sxsscssxcc..cxcxccsscs..sssssssx.......',
  },
  se: {
    name: 'Swedish',
    levels: [
      '1234567890+\u0301qwertyuiopå\u0308asdfghjklöä§\'zxcvbnm,.- <  ',
      '!"#¤%&/()=?\u0300QWERTYUIOPÅ\u0302ASDFGHJKLÖÄ½*ZXCVBNM;:_ >  ',
      '¡@£$€¥{[]}\\±  €®þ←↓→œ \u0308\u0303ªßðđŋħ\u0309ĸłøæ¶´«»©„“”µ\u0327·\u0323 |  ',
      '¹²³¼  ÷«»°¿¬Ω ¢ Þ¥↑ıŒ \u030a\u030cºẞÐªŊĦ\u031b ŁØÆ¾×<> ‚‘’º\u0328 \u0307\u00a0¦  ',
    ],
    caps: '............xssscssxcss.sxcxccssccc..ssssssx.......',
  },
  tr: {
    name: 'Turkish',
    levels: [
      '1234567890*-qwertyuıopğüasdfghjklşi",zxcvbnmöç. <  ',
      '!\'^+%&/()=?_QWERTYUIOPĞÜASDFGHJKLŞİé;ZXCVBNMÖÇ: >  ',
      '>£#$½¾{[]}\\|@ €¶₺←ûîô \u0308~âß ª  \u0309  ´\'<`«»¢„“”µ×·\u0307 |  ',
      '¡²³¼⅜   ±°¿ Ω  ® ¥ÛÎÔ \u030a\u0304Â     \u031b  \u0301\u030c°\u0300<>©‚‘’º ÷  ¦  ',
    ],
    caps: '............sssssscccssscxsssssssssx.ssssssxss.....',
  },
  ua: {
    name: 'Ukrainian',
    levels: [
      '1234567890-=йцукенгшщзхїфівапролджє\'ґячсмитьбю. /  ',
      '!"№;%:?*()_+ЙЦУКЕНГШЩЗХЇФІВАПРОЛДЖЄʼҐЯЧСМИТЬБЮ, |  ',
      '¹²§$°<>•[]—≠јџў®ёњ     ъ ы     љђ э \\ ћ©  ™ «»/    ',
      ' ’₴€    {}–±ЈЏЎ ЁЊ     Ъ Ы     ЉЂ Э~| Ћ     „“… ¦  ',
    ],
    caps: '............cccsccscccccccccccccccc.sccsccscss.....',
  },
  "us(dvorak)": {
    name: 'English (Dvorak)',
    levels: [
      '1234567890[]\',.pyfgcrl/=aoeuidhtns-`\\;qjkxbmwvz <  ',
      '!@#$%^&*(){}"<>PYFGCRL?+AOEUIDHTNS_~|:QJKXBMWVZ >  ',
    ],
    caps: '...............ccccccc..cccccccccc....ccccccccc....',
  },
  "us(colemak)": {
    name: 'English (Colemak)',
    levels: [
      '1234567890-=qwfpgjluy;[]arstdhneio\'`\\zxcvbkm,./ -  ',
      '!@#$%^&*()_+QWFPGJLUY:{}ARSTDHNEIO"~|ZXCVBKM<>? _  ',
      '¡ºª¢€ħðþ‘’–×äåãø\u0328đłúüö«»á\u0300ß\u0301\u0308\u030cñéíóõ\u0303~æ\u0302çœ\u0306\u030a\u0304\u0327\u0307¿ –  ',
      '¹²³£¥ĦÐÞ“”—÷ÄÅÃØ~ĐŁÚÜÖ‹›Á~ẞ\u030b~~ÑÉÍÓÕ  Æ~ÇŒ~~~~~~\u00a0—  ',
    ],
    caps: '...................................................',
  },
};

// What dead keys make of the next character: pairs of that character and the result.
export const SEQUENCES = {
  '\u0300': ' `AÀEÈIÌNǸOÒUÙVǛWẀYỲaàeèiìnǹoòuùvǜwẁyỳÂẦÊỀÔỒÜǛâầêềôồüǜĂẰăằĒḔēḕŌṐōṑΑᾺΕῈΗῊΙῚΟῸΥῪΩῺαὰεὲηὴιὶοὸυὺωὼЕЀИЍеѐиѝ\u0300`',
  '\u0301': ' \'AÁCĆEÉGǴIÍKḰLĹMḾNŃOÓPṔRŔSŚUÚVǗWẂYÝZŹaácćeégǵiíkḱlĺmḿnńoópṕrŕsśuúvǘwẃyýzźÂẤÅǺÆǼÇḈÊẾÏḮÔỐÕṌØǾÜǗâấåǻæǽçḉêếïḯôốõṍøǿüǘĂẮăắĒḖēḗŌṒōṓΑΆΕΈΗΉΙΊΟΌΥΎΩΏαάεέηήιίοόυύωώГЃКЌгѓкќ\u0301´',
  '\u0302': ' ^(⁽)⁾+⁺-⁻.·0⁰1¹2²3³4⁴5⁵6⁶7⁷8⁸9⁹=⁼AÂCĈEÊGĜHĤIÎJĴOÔSŜUÛWŴYŶZẐaâcĉeêgĝhĥiîjĵoôsŝuûwŵyŷzẑÀẦÁẤÃẪÈỀÉẾÒỒÓỐÕỖàầáấãẫèềéếòồóốõỗ−⁻\u0302^',
  '\u0303': ' ~<≲=≃>≳AÃEẼIĨNÑOÕUŨVṼYỸaãeẽiĩnñoõuũvṽyỹÂẪÊỄÓṌÔỖÖṎÚṸâẫêễóṍôỗöṏúṹĂẴăẵαᾶηῆιῖυῦωῶ\u0303~',
  '\u0304': ' ¯AĀEĒGḠIĪOŌUŪVǕYȲaāeēgḡiīoōuūvǖyȳÄǞÆǢÈḔÉḖÒṐÓṒÕȬÖȪÜǕäǟæǣèḕéḗòṑóṓõȭöȫüǖΑᾹΙῙΥῩαᾱιῑυῡИӢУӮиӣуӯ\u0304¯',
  '\u0306': ' ˘AĂEĔGĞIĬOŎUŬaăeĕgğiĭoŏuŭÀẰÁẮÃẴàằáắãẵΑᾸΙῘΥῨαᾰιῐυῠАӐЕӖЖӁИЙУЎаӑеӗжӂийуў\u0306˘',
  '\u0307': ' ˙AȦBḂCĊDḊEĖFḞGĠHḢIİLĿMṀNṄOȮPṖRṘSṠTṪWẆXẊYẎZŻaȧbḃcċdḋeėfḟgġhḣiıjȷlŀmṁnṅoȯpṗrṙsṡtṫwẇxẋyẏzżŚṤśṥŠṦšṧſẛ\u0307˙',
  '\u0308': ' "AÄEËHḦIÏOÖUÜWẄXẌYŸaäeëhḧiïoötẗuüwẅxẍyÿÍḮÕṎÙǛÚǗíḯõṏùǜúǘŪṺūṻΙΪΥΫιϊυϋІЇАӒЕЁЖӜЗӞИӤОӦУӰЧӴЫӸЭӬаӓеёжӝзӟиӥоӧуӱчӵыӹэӭії\u0308¨',
  '\u0309': 'AẢBƁCƇDƊEẺFƑGƓIỈKƘMⱮNƝOỎPƤTƬUỦVƲWⱲYỶZȤaảbɓcƈdɗeẻfƒgɠhɦiỉkƙmɱnɲoỏpƥqʠrɼsʂtƭuủvʋwⱳyỷzȥÂẨÊỂÔỔâẩêểôổĂẲăẳəɚ',
  '\u030a': ' °AÅUŮaåuůwẘyẙÁǺáǻ\u030a°',
  '\u030b': ' ˝OŐUŰoőuűУӲуӳ\u030b˝',
  '\u030c': ' ˇ(₍)₎+₊-₋0₀1₁2₂3₃4₄5₅6₆7₇8₈9₉=₌AǍCČDĎEĚGǦHȞIǏKǨLĽNŇOǑRŘSŠTŤUǓVǙZŽaǎcčdďeěgǧhȟiǐjǰkǩlľnňoǒrřsštťuǔvǚzžÜǙüǚƷǮʒǯ\u030cˇ',
  '\u031b': 'OƠUƯoơuưÒỜÓỚÙỪÚỨòờóớùừúứ',
  '\u0323': '+⨥-⨪=⩦AẠBḄDḌEẸHḤIỊKḲLḶMṂNṆOỌRṚSṢTṬUỤVṾWẈYỴZẒaạbḅdḍeẹhḥiịkḳlḷmṃnṇoọrṛsṣtṭuụvṿwẉyỵzẓÂẬÊỆÔỘâậêệôộĂẶăặ',
  '\u0326': ' ,SȘTȚsștț\u0326,',
  '\u0327': ' ¸CÇDḐEȨGĢHḨKĶLĻNŅRŖSŞTŢcçdḑeȩgģhḩkķlļnņrŗsştţĆḈćḉ\u0327¸',
  '\u0328': ' ˛AĄEĘIĮOǪUŲaąeęiįoǫuų\u0328˛',
  '\u0331': 'BḆDḎKḴLḺNṈRṞTṮZẔbḇdḏhẖkḵlḻnṉrṟtṯzẕ',
  '\u0338': ' /2ƻ<≮=≠>≯AȺBɃCȻDĐEɆGǤHĦIƗJɈLŁOØPⱣRɌTŦUɄYɎZƵaⱥbƀcȼdđeɇgǥhħiɨjɉlłoøpᵽrɍtŧuʉyɏzƶÓǾóǿ≤≰≥≱\u0338/',
  '\u0345': ' ͺΑᾼΗῌΩῼαᾳηῃωῳ\u0345ͺ',
  '\u0300\u0302': 'AẦEỀOỒaầeềoồ',
  '\u0300\u0304': 'EḔOṐeḕoṑ',
  '\u0300\u0306': 'AẰaằ',
  '\u0300\u0308': 'UǛuǜιῒυῢ',
  '\u0300\u031b': 'OỜUỪoờuừ',
  '\u0301\u0302': 'AẤEẾOỐaấeếoố',
  '\u0301\u0303': 'OṌUṸoṍuṹ',
  '\u0301\u0304': 'EḖOṒeḗoṓ',
  '\u0301\u0306': 'AẮaắ',
  '\u0301\u0308': ' ΅IḮUǗiḯuǘιΐυΰ',
  '\u0301\u030a': 'AǺaǻ',
  '\u0301\u031b': 'OỚUỨoớuứ',
  '\u0301\u0327': 'CḈcḉ',
  '\u0301\u0338': 'OǾoǿ',
  '\u0302\u0300': 'AẦEỀOỒaầeềoồ',
  '\u0302\u0301': 'AẤEẾOỐaấeếoố',
  '\u0302\u0309': 'AẨEỂOỔaẩeểoổ',
  '\u0302\u0323': 'AẬEỆOỘaậeệoộ',
  '\u0303\u0302': 'AẪEỄOỖaẫeễoỗ',
  '\u0303\u0306': 'AẴaẵ',
  '\u0303\u0308': 'ιῗυῧ',
  '\u0303\u031b': 'OỠUỮoỡuữ',
  '\u0304\u0303': 'OȬoȭ',
  '\u0304\u0307': 'AǠOȰaǡoȱ',
  '\u0304\u0308': 'AǞOȪUǕaǟoȫuǖ',
  '\u0304\u0323': 'LḸRṜlḹrṝ',
  '\u0304\u0328': 'OǬoǭ',
  '\u0306\u0323': 'AẶaặ',
  '\u0306\u0327': 'EḜeḝ',
  '\u0307\u0301': 'SṤsṥ',
  '\u0307\u030c': 'SṦsṧ',
  '\u0307\u0323': 'SṨsṩ',
  '\u0307\u0338': 'jɟ',
  '\u0308\u0301': ' ΅ιΐυΰ',
  '\u0308\u0303': 'OṎoṏ',
  '\u0308\u0304': 'UṺuṻ',
  '\u0309\u0302': 'AẨEỂOỔaẩeểoổ',
  '\u0309\u0306': 'AẲaẳ',
  '\u0309\u031b': 'OỞUỬoởuử',
  '\u030c\u0308': 'UǙuǚ',
  '\u031b\u0323': 'OỢUỰoợuự',
  '\u0323\u031b': 'OỢUỰoợuự',
  '\u0338\u0301': 'OǾoǿ',
  '\u0338\u0307': 'jɟ',
  '\u0345\u0300': 'αᾲηῂωῲ',
  '\u0345\u0301': 'αᾴηῄωῴ',
  '\u0345\u0303': 'αᾷηῇωῷ',
};
