"""Names of countries and US states, as people write them, and their two-letter codes.

Countries: ISO 3166-1 with its English short names, three-letter codes, and the names in common use (compared with
pycountry 26 and Unicode CLDR, 2026); Kosovo under its user-assigned XK. States: the US Postal Service's list.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# alpha-2 alpha-3 name = other name = …; separated by semicolons
_COUNTRIES = """
    AD AND Andorra; AE ARE United Arab Emirates = UAE; AF AFG Afghanistan; AG ATG Antigua and Barbuda = Antigua;
    AI AIA Anguilla; AL ALB Albania; AM ARM Armenia; AO AGO Angola; AQ ATA Antarctica; AR ARG Argentina;
    AS ASM American Samoa; AT AUT Austria; AU AUS Australia; AW ABW Aruba; AX ALA Åland Islands; AZ AZE Azerbaijan;
    BA BIH Bosnia and Herzegovina = Bosnia; BB BRB Barbados; BD BGD Bangladesh; BE BEL Belgium; BF BFA Burkina Faso;
    BG BGR Bulgaria; BH BHR Bahrain; BI BDI Burundi; BJ BEN Benin; BL BLM Saint Barthélemy; BM BMU Bermuda;
    BN BRN Brunei Darussalam = Brunei;
    BO BOL Plurinational State of Bolivia = Bolivia, Plurinational State of = Bolivia;
    BQ BES Bonaire, Sint Eustatius and Saba = Caribbean Netherlands; BR BRA Brazil; BS BHS Bahamas; BT BTN Bhutan;
    BV BVT Bouvet Island; BW BWA Botswana; BY BLR Belarus; BZ BLZ Belize; CA CAN Canada;
    CC CCK Cocos (Keeling) Islands = Cocos Islands;
    CD COD The Democratic Republic of the Congo = Congo, The Democratic Republic of the =
        DR Congo = Congo-Kinshasa;
    CF CAF Central African Republic; CG COG Congo = Republic of the Congo = Congo-Brazzaville; CH CHE Switzerland;
    CI CIV Côte d'Ivoire = Ivory Coast; CK COK Cook Islands; CL CHL Chile; CM CMR Cameroon;
    CN CHN China = People's Republic of China; CO COL Colombia; CR CRI Costa Rica; CU CUB Cuba;
    CV CPV Cabo Verde = Cape Verde; CW CUW Curaçao; CX CXR Christmas Island; CY CYP Cyprus;
    CZ CZE Czechia = Czech Republic; DE DEU Germany; DJ DJI Djibouti; DK DNK Denmark; DM DMA Dominica;
    DO DOM Dominican Republic; DZ DZA Algeria; EC ECU Ecuador; EE EST Estonia; EG EGY Egypt; EH ESH Western Sahara;
    ER ERI Eritrea; ES ESP Spain; ET ETH Ethiopia; FI FIN Finland; FJ FJI Fiji;
    FK FLK Falkland Islands (Malvinas) = Falkland Islands = Falklands;
    FM FSM Federated States of Micronesia = Micronesia, Federated States of = Micronesia; FO FRO Faroe Islands;
    FR FRA France; GA GAB Gabon;
    GB GBR United Kingdom = UK = Great Britain = Britain = England = Scotland = Wales = Northern Ireland =
        United Kingdom of Great Britain and Northern Ireland;
    GD GRD Grenada; GE GEO Georgia; GF GUF French Guiana; GG GGY Guernsey; GH GHA Ghana; GI GIB Gibraltar;
    GL GRL Greenland; GM GMB Gambia; GN GIN Guinea; GP GLP Guadeloupe; GQ GNQ Equatorial Guinea; GR GRC Greece;
    GS SGS South Georgia and the South Sandwich Islands; GT GTM Guatemala; GU GUM Guam; GW GNB Guinea-Bissau;
    GY GUY Guyana; HK HKG Hong Kong = Hong Kong SAR = Hong Kong SAR China;
    HM HMD Heard Island and McDonald Islands = Heard & McDonald Islands; HN HND Honduras; HR HRV Croatia;
    HT HTI Haiti; HU HUN Hungary; ID IDN Indonesia; IE IRL Ireland = Republic of Ireland; IL ISR Israel;
    IM IMN Isle of Man; IN IND India; IO IOT British Indian Ocean Territory; IQ IRQ Iraq;
    IR IRN Islamic Republic of Iran = Iran, Islamic Republic of = Iran; IS ISL Iceland; IT ITA Italy; JE JEY Jersey;
    JM JAM Jamaica; JO JOR Jordan; JP JPN Japan; KE KEN Kenya; KG KGZ Kyrgyzstan; KH KHM Cambodia; KI KIR Kiribati;
    KM COM Comoros; KN KNA Saint Kitts and Nevis;
    KP PRK Democratic People's Republic of Korea = Korea, Democratic People's Republic of = North Korea;
    KR KOR Republic of Korea = Korea, Republic of = South Korea; KW KWT Kuwait; KY CYM Cayman Islands;
    KZ KAZ Kazakhstan; LA LAO Lao People's Democratic Republic = Laos; LB LBN Lebanon; LC LCA Saint Lucia;
    LI LIE Liechtenstein; LK LKA Sri Lanka; LR LBR Liberia; LS LSO Lesotho; LT LTU Lithuania; LU LUX Luxembourg;
    LV LVA Latvia; LY LBY Libya; MA MAR Morocco; MC MCO Monaco;
    MD MDA Republic of Moldova = Moldova, Republic of = Moldova; ME MNE Montenegro;
    MF MAF Saint Martin (French part) = St. Martin; MG MDG Madagascar; MH MHL Marshall Islands;
    MK MKD North Macedonia = Macedonia; ML MLI Mali; MM MMR Myanmar = Burma = Myanmar (Burma); MN MNG Mongolia;
    MO MAC Macao = Macau = Macao SAR = Macao SAR China;
    MP MNP Northern Mariana Islands; MQ MTQ Martinique; MR MRT Mauritania; MS MSR Montserrat; MT MLT Malta;
    MU MUS Mauritius; MV MDV Maldives; MW MWI Malawi; MX MEX Mexico; MY MYS Malaysia; MZ MOZ Mozambique;
    NA NAM Namibia; NC NCL New Caledonia; NE NER Niger; NF NFK Norfolk Island; NG NGA Nigeria; NI NIC Nicaragua;
    NL NLD Netherlands = Holland = Netherlands, Kingdom of the; NO NOR Norway; NP NPL Nepal;
    NR NRU Nauru; NU NIU Niue; NZ NZL New Zealand;
    OM OMN Oman; PA PAN Panama; PE PER Peru; PF PYF French Polynesia; PG PNG Papua New Guinea; PH PHL Philippines;
    PK PAK Pakistan; PL POL Poland; PM SPM Saint Pierre and Miquelon; PN PCN Pitcairn = Pitcairn Islands;
    PR PRI Puerto Rico; PS PSE State of Palestine = Palestine, State of = Palestinian Territories = Palestine;
    PT PRT Portugal; PW PLW Palau; PY PRY Paraguay; QA QAT Qatar; RE REU Réunion; RO ROU Romania; RS SRB Serbia;
    RU RUS Russian Federation = Russia; RW RWA Rwanda; SA SAU Saudi Arabia; SB SLB Solomon Islands;
    SC SYC Seychelles; SD SDN Sudan; SE SWE Sweden; SG SGP Singapore;
    SH SHN Saint Helena, Ascension and Tristan da Cunha = St. Helena; SI SVN Slovenia;
    SJ SJM Svalbard and Jan Mayen; SK SVK Slovakia; SL SLE Sierra Leone; SM SMR San Marino; SN SEN Senegal;
    SO SOM Somalia; SR SUR Suriname; SS SSD South Sudan; ST STP Sao Tome and Principe; SV SLV El Salvador;
    SX SXM Sint Maarten (Dutch part) = Sint Maarten; SY SYR Syrian Arab Republic = Syria;
    SZ SWZ Eswatini = Swaziland; TC TCA Turks and Caicos Islands; TD TCD Chad; TF ATF French Southern Territories;
    TG TGO Togo; TH THA Thailand; TJ TJK Tajikistan; TK TKL Tokelau; TL TLS Timor-Leste = East Timor;
    TM TKM Turkmenistan; TN TUN Tunisia; TO TON Tonga; TR TUR Türkiye = Turkey;
    TT TTO Trinidad and Tobago = Trinidad; TV TUV Tuvalu;
    TW TWN Taiwan, Province of China = Taiwan;
    TZ TZA United Republic of Tanzania = Tanzania, United Republic of = Tanzania; UA UKR Ukraine; UG UGA Uganda;
    UM UMI United States Minor Outlying Islands; US USA United States = United States of America = America = U.S.;
    UY URY Uruguay; UZ UZB Uzbekistan;
    VA VAT Holy See (Vatican City State) = Vatican City = Holy See = Vatican City State = Vatican;
    VC VCT Saint Vincent and the Grenadines;
    VE VEN Bolivarian Republic of Venezuela = Venezuela, Bolivarian Republic of = Venezuela;
    VG VGB British Virgin Islands = Virgin Islands, British; VI VIR U.S. Virgin Islands = Virgin Islands, U.S.;
    VN VNM Viet Nam; VU VUT Vanuatu; WF WLF Wallis and Futuna; WS WSM Samoa; YE YEM Yemen; YT MYT Mayotte;
    ZA ZAF South Africa; ZM ZMB Zambia; ZW ZWE Zimbabwe; XK XKX Kosovo
"""
_STATES = """
    AL Alabama; AK Alaska; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut; DE Delaware;
    DC District of Columbia = Washington DC; FL Florida; GA Georgia; HI Hawaii; ID Idaho; IL Illinois; IN Indiana;
    IA Iowa; KS Kansas; KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan; MN Minnesota;
    MS Mississippi; MO Missouri; MT Montana; NE Nebraska; NV Nevada; NH New Hampshire; NJ New Jersey; NM New Mexico;
    NY New York = New York State; NC North Carolina; ND North Dakota; OH Ohio; OK Oklahoma; OR Oregon; PA Pennsylvania;
    RI Rhode Island; SC South Carolina; SD South Dakota; TN Tennessee; TX Texas; UT Utah; VT Vermont; VA Virginia;
    WA Washington = Washington State; WV West Virginia; WI Wisconsin; WY Wyoming; AS American Samoa; GU Guam;
    MP Northern Mariana Islands; PR Puerto Rico; VI Virgin Islands = US Virgin Islands =
        Virgin Islands, U.S.
"""


def country(name: str) -> str | None:
    """The alpha-2 code, in lower case, of a country's name or code; None for what is neither."""
    known = _countries()
    return known.get(name.strip().lower()) or known.get(_spelling(name))


def us_state(name: str) -> str | None:
    """The two-letter code, in lower case, of a US state's or territory's name or code; None for what is neither."""
    known = _states()
    return known.get(name.strip().lower()) or known.get(_spelling(name))


@cache
def _countries() -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in _COUNTRIES.split(";"):
        two, three, names = entry.split(maxsplit=2)
        found |= dict.fromkeys([two.lower(), three.lower(), *map(_spelling, names.split("="))], two.lower())
    return found


@cache
def _states() -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in _STATES.split(";"):
        code, names = entry.split(maxsplit=1)
        found |= dict.fromkeys([code.lower(), *map(_spelling, names.split("="))], code.lower())
    return found


def _spelling(name: str) -> str:
    """A name without what people write differently: case, accents, blanks, punctuation, "the", "St." and "&"."""
    text = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    bare = "".join(one for one in text if one not in ".'\u2019" and not unicodedata.combining(one))
    words = re.findall(r"\w+", bare)
    return "".join("saint" if word == "st" else word for word in words if word != "the")
