"""Words that a CRM export uses from a known set, so that a misspelling can be told from a word of its own."""

from difflib import get_close_matches
from functools import lru_cache

# 1.0 is the same word. At .85 one slip in a word of seven letters is found ("technolgy", "Philipines"), and
# two words of their own stay apart ("market" and "marketing").
_CLOSENESS = 0.85

_SECTORS = (
    "agriculture|automotive|aerospace|banking|biotechnology|chemicals|construction|consulting|defense|"
    "education|electronics|employment|energy|engineering|entertainment|finance|food|government|healthcare|hospitality|"
    "insurance|legal|logistics|manufacturing|marketing|media|medical|mining|nonprofit|pharmaceuticals|"
    "publishing|real estate|retail|security|services|shipping|software|sports|technology|telecommunications|"
    "textiles|tourism|transport|transportation|travel|utilities|wholesale"
)
SECTORS = frozenset(_SECTORS.split("|"))

_COUNTRIES = (
    "Afghanistan|Albania|Algeria|Andorra|Angola|Antigua and Barbuda|Argentina|Armenia|Australia|Austria|"
    "Azerbaijan|Bahamas|Bahrain|Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bhutan|Bolivia|"
    "Bosnia and Herzegovina|Botswana|Brazil|Brunei|Bulgaria|Burkina Faso|Burundi|Cambodia|Cameroon|Canada|"
    "Cape Verde|Central African Republic|Chad|Chile|China|Colombia|Comoros|Congo|Costa Rica|Croatia|Cuba|"
    "Cyprus|Czechia|Czech Republic|Democratic Republic of the Congo|Denmark|Djibouti|Dominica|"
    "Dominican Republic|Ecuador|Egypt|El Salvador|England|Equatorial Guinea|Eritrea|Estonia|Eswatini|"
    "Ethiopia|Fiji|Finland|France|Gabon|Gambia|Georgia|Germany|Ghana|Greece|Grenada|Guatemala|Guinea|Guinea-Bissau|"
    "Guyana|Haiti|Honduras|Hong Kong|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy|"
    "Ivory Coast|Jamaica|Japan|Jordan|Kazakhstan|Kenya|Kiribati|Korea|Kosovo|Kuwait|Kyrgyzstan|Laos|Latvia|"
    "Lebanon|Lesotho|Liberia|Libya|Liechtenstein|Lithuania|Luxembourg|Macau|Madagascar|Malawi|Malaysia|"
    "Maldives|Mali|Malta|Marshall Islands|Mauritania|Mauritius|Mexico|Micronesia|Moldova|Monaco|Mongolia|"
    "Montenegro|Morocco|Mozambique|Myanmar|Namibia|Nauru|Nepal|Netherlands|New Zealand|Nicaragua|Niger|"
    "Nigeria|North Korea|North Macedonia|Northern Ireland|Norway|Oman|Pakistan|Palau|Palestine|Panama|"
    "Papua New Guinea|Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|Romania|Russia|Rwanda|"
    "Saint Lucia|Samoa|San Marino|Saudi Arabia|Scotland|Senegal|Serbia|Seychelles|Sierra Leone|Singapore|"
    "Slovakia|Slovenia|Solomon Islands|Somalia|South Africa|South Korea|South Sudan|Spain|Sri Lanka|Sudan|"
    "Suriname|Sweden|Switzerland|Syria|Taiwan|Tajikistan|Tanzania|Thailand|Timor-Leste|Togo|Tonga|"
    "Trinidad and Tobago|Tunisia|Turkey|Türkiye|Turkmenistan|Tuvalu|Uganda|Ukraine|United Arab Emirates|"
    "United Kingdom|United States|United States of America|Uruguay|Uzbekistan|Vanuatu|Venezuela|Vietnam|"
    "Wales|Yemen|Zambia|Zimbabwe"
)
COUNTRIES = frozenset(_COUNTRIES.split("|"))


@lru_cache(maxsize=1024)
def misspelled(word: str, vocabulary: frozenset[str]) -> str | None:
    """The word that is probably meant; None when this one is in the vocabulary, or like none that is."""
    spellings = {known.casefold(): known for known in vocabulary}
    if word.casefold() in spellings:
        return None
    close = get_close_matches(word.casefold(), sorted(spellings), n=1, cutoff=_CLOSENESS)
    return spellings[close[0]] if close else None
